/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Build rtnetlink messages for tests. Not every test uses all of it. */
#ifndef STUBSIEVE_TEST_MESSAGE_H
#define STUBSIEVE_TEST_MESSAGE_H

#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "device.h"

#define MAYBE_UNUSED __attribute__((unused))

struct message {
	union {
		struct nlmsghdr header;
		unsigned char octets[1024];
	};
};

/* Devices of the tests: 1 is lo, 9 is down, 13 is ignored, every other is up. */
enum { LO = 1, ETH0 = 2, ETH1 = 3, DOWN0 = 9, IGNORED0 = 13 };

static MAYBE_UNUSED unsigned int test_traits(void *context, uint32_t ifindex)
{
	(void)context;
	switch (ifindex) {
	case LO:
		return DEVICE_UP | DEVICE_LOOPBACK;
	case DOWN0:
		return 0;
	case IGNORED0:
		return DEVICE_UP | DEVICE_IGNORED;
	default:
		return DEVICE_UP;
	}
}

static const MAYBE_UNUSED struct devices test_devices = { .traits = test_traits };

static MAYBE_UNUSED void append(struct message *message, const void *data, size_t length)
{
	size_t start = NLMSG_ALIGN(message->header.nlmsg_len);

	assert(start + length <= sizeof(message->octets));
	memcpy(message->octets + start, data, length);
	message->header.nlmsg_len = (uint32_t)(start + length);
}

static MAYBE_UNUSED void begin(struct message *message, uint16_t type, const void *header, size_t length)
{
	*message = (struct message){ .header = { .nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = type } };
	append(message, header, length);
}

static MAYBE_UNUSED void add(struct message *message, uint16_t type, const void *data, size_t length)
{
	struct nlattr header = { .nla_len = (uint16_t)(NLA_HDRLEN + length), .nla_type = type };

	append(message, &header, sizeof(header));
	append(message, data, length);
}

static MAYBE_UNUSED void add_u32(struct message *message, uint16_t type, uint32_t value)
{
	add(message, type, &value, sizeof(value));
}

static MAYBE_UNUSED int family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

static MAYBE_UNUSED void add_address(struct message *message, uint16_t type, const char *text)
{
	unsigned char address[16];

	assert(inet_pton(family_of(text), text, address) == 1);
	add(message, type, address, family_of(text) == AF_INET ? 4 : 16);
}

/* A unicast route of table main to TEXT/LENGTH, without a leg. */
static MAYBE_UNUSED void begin_route(struct message *message, const char *text, unsigned char length)
{
	struct rtmsg header = {
		.rtm_family = (unsigned char)family_of(text),
		.rtm_dst_len = length,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_type = RTN_UNICAST,
	};

	begin(message, RTM_NEWROUTE, &header, sizeof(header));
	if (length > 0)
		add_address(message, RTA_DST, text);
}

static MAYBE_UNUSED struct rtmsg *route_header(struct message *message)
{
	return (struct rtmsg *)NLMSG_DATA(&message->header);
}

static MAYBE_UNUSED void begin_address(struct message *message, const char *text, uint32_t ifindex)
{
	struct ifaddrmsg header = { .ifa_family = (unsigned char)family_of(text), .ifa_index = ifindex };

	begin(message, RTM_NEWADDR, &header, sizeof(header));
	add_address(message, IFA_ADDRESS, text);
}

static MAYBE_UNUSED struct ifaddrmsg *address_header(struct message *message)
{
	return (struct ifaddrmsg *)NLMSG_DATA(&message->header);
}

#endif
