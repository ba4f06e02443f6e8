/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tun-hold NAME: creates the TUN device NAME, says "ready", and holds it open, so that it has a
 * carrier, until standard input ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char octet;
	int fd;

	if (argc != 2 || strlen(argv[1]) >= IFNAMSIZ) {
		fputs("usage: tun-hold NAME\n", stderr);
		return 2;
	}
	memcpy(request.ifr_name, argv[1], strlen(argv[1]) + 1);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
		fprintf(stderr, "tun-hold: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &octet, 1) > 0)
		;
	return 0;
}
