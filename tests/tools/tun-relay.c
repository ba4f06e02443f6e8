/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tun-relay NETNS-FILE DEVICE NETNS-FILE DEVICE: a link without Ethernet between two network namespaces:
 * a TUN device in each, and this process, which carries every packet from one to the other. Prints
 * "ready"; the devices are there until it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PACKET_SIZE 65536

static int enter_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;

	if (fd < 0)
		return -errno;
	status = setns(fd, CLONE_NEWNET) == 0 ? 0 : -errno;
	close(fd);
	return status;
}

static int open_tun(const char *netns, const char *device)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int status = enter_netns(netns), fd;

	if (status < 0)
		return status;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, TUNSETIFF, &request) != 0) {
		status = -errno;
		close(fd);
		return status;
	}
	return fd;
}

/* A device that is down takes no packet (EIO): as on a real link, it is lost. */
static int carry(int from, int to)
{
	static char packet[PACKET_SIZE];
	ssize_t length = read(from, packet, sizeof(packet));

	if (length < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (write(to, packet, (size_t)length) < 0 && errno != EIO && errno != EINVAL)
		return -errno;
	return 0;
}

static int relay(int left, int right)
{
	struct pollfd ends[2] = { { .fd = left, .events = POLLIN }, { .fd = right, .events = POLLIN } };
	int status = 0;

	while (status == 0) {
		if (poll(ends, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (ends[0].revents)
			status = carry(left, right);
		if (status == 0 && ends[1].revents)
			status = carry(right, left);
	}
	return status;
}

int main(int argc, char **argv)
{
	int left, right, status;

	if (argc != 5) {
		fprintf(stderr, "usage: tun-relay NETNS-FILE DEVICE NETNS-FILE DEVICE\n");
		return 2;
	}
	left = open_tun(argv[1], argv[2]);
	right = left < 0 ? left : open_tun(argv[3], argv[4]);
	if (right < 0) {
		fprintf(stderr, "tun-relay: %s\n", strerror(-right));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	status = relay(left, right);
	fprintf(stderr, "tun-relay: %s\n", strerror(-status));
	return 1;
}
