/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * send-ra [lifetime=SECONDS] [prefix=PREFIX/LENGTH] DEVICE: sends one router advertisement (RFC 4861
 * section 4.2) to all nodes from the device's link-local address. The prefix is on-link and
 * autonomous, valid for 86400 s and preferred for 14400 s.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct advertisement {
	struct nd_router_advert header;
	struct nd_opt_prefix_info prefix; /* sent if its length is not 0 */
};

static int parse_number(const char *text, unsigned long limit, unsigned long *ret_number)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || number > limit)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int parse_prefix(char *text, struct nd_opt_prefix_info *ret_prefix)
{
	char *slash = strchr(text, '/');
	unsigned long length;

	if (!slash || parse_number(slash + 1, 128, &length) < 0)
		return -EINVAL;
	*slash = '\0';
	*ret_prefix = (struct nd_opt_prefix_info){
		.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION,
		.nd_opt_pi_len = sizeof(*ret_prefix) / 8,
		.nd_opt_pi_prefix_len = (uint8_t)length,
		.nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK | ND_OPT_PI_FLAG_AUTO,
		.nd_opt_pi_valid_time = htonl(86400),
		.nd_opt_pi_preferred_time = htonl(14400),
	};
	return inet_pton(AF_INET6, text, &ret_prefix->nd_opt_pi_prefix) == 1 ? 0 : -EINVAL;
}

static int parse(int argc, char **argv, struct advertisement *ret_advertisement)
{
	unsigned long lifetime = 0;

	*ret_advertisement = (struct advertisement){ .header.nd_ra_type = ND_ROUTER_ADVERT };
	for (int i = 1; i < argc - 1; i++) {
		if (strncmp(argv[i], "lifetime=", 9) == 0 && parse_number(argv[i] + 9, 9000, &lifetime) == 0)
			ret_advertisement->header.nd_ra_router_lifetime = htons((uint16_t)lifetime);
		else if (strncmp(argv[i], "prefix=", 7) != 0 ||
			 parse_prefix(argv[i] + 7, &ret_advertisement->prefix) < 0)
			return -EINVAL;
	}
	return argc > 1 ? 0 : -EINVAL;
}

static int send_advertisement(const struct advertisement *advertisement, const char *device)
{
	struct sockaddr_in6 all_nodes = { .sin6_family = AF_INET6, .sin6_scope_id = if_nametoindex(device) };
	int hops = 255; /* else it is not believed: RFC 4861 section 6.1.2 */
	size_t length = sizeof(advertisement->header);
	int fd;

	if (all_nodes.sin6_scope_id == 0)
		return -errno;
	if (advertisement->prefix.nd_opt_pi_len)
		length = sizeof(*advertisement);
	inet_pton(AF_INET6, "ff02::1", &all_nodes.sin6_addr);
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6); /* the kernel fills in the checksum */
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    sendto(fd, advertisement, length, 0, (struct sockaddr *)&all_nodes, sizeof(all_nodes)) < 0)
		return -errno;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct advertisement advertisement;
	int r;

	if (parse(argc, argv, &advertisement) < 0) {
		fputs("usage: send-ra [lifetime=SECONDS] [prefix=PREFIX/LENGTH] DEVICE\n", stderr);
		return 2;
	}
	r = send_advertisement(&advertisement, argv[argc - 1]);
	if (r < 0) {
		fprintf(stderr, "send-ra: %s: %s\n", argv[argc - 1], strerror(-r));
		return 1;
	}
	return 0;
}
