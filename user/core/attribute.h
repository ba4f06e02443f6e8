/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walk over the messages of netlink and their attributes without leaving them. */
#ifndef STUBSIEVE_ATTRIBUTE_H
#define STUBSIEVE_ATTRIBUTE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The octets still to be walked over. */
struct attributes {
	const unsigned char *data;
	size_t length;
};

/* One attribute; the payload is in the message and may be unaligned. */
struct attribute {
	uint16_t type; /* without NLA_F_NESTED and NLA_F_NET_BYTEORDER */
	const unsigned char *data;
	size_t length;
};

/* What follows the netlink header: NLMSG_DATA() for a message that is not to be changed. */
static inline const void *message_payload(const struct nlmsghdr *message)
{
	return (const unsigned char *)message + NLMSG_HDRLEN;
}

/*
 * A message is whole within so many octets. libmnl's mnl_nlmsg_ok() reckons with int and takes a length from 2 GiB on
 * for a small one.
 */
static inline bool message_is_whole(const struct nlmsghdr *message, int left)
{
	return left >= (int)sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= (uint32_t)left;
}

/*
 * The attributes behind the family header (struct rtmsg, struct ifaddrmsg) of a message whose
 * nlmsg_len the caller has checked against its buffer. -EBADMSG if the header is not all there.
 */
int attributes_of(const struct nlmsghdr *message, size_t header_size, struct attributes *ret_attributes);

/* True with the next attribute; false at the end, and at an attribute that leaves the message. */
bool attribute_next(struct attributes *attributes, struct attribute *ret_attribute);

/* After attribute_next() returned false: nothing but padding is left, so all were whole. */
bool attributes_finished(const struct attributes *attributes);

/* A 32-bit value in host byte order. -EBADMSG if the payload has another length. */
int attribute_u32(const struct attribute *attribute, uint32_t *ret_value);

#endif
