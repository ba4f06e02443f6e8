/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <string.h>

#include "attribute.h"

static int address_take_host(struct address *address, const struct attribute *attribute)
{
	if (attribute->length != prefix_address_size(address->host.family))
		return -EBADMSG;
	memcpy(address->host.address, attribute->data, attribute->length);
	return 0;
}

/*
 * IFA_ADDRESS is the peer's on a point-to-point interface, and IFA_LOCAL ours; where there is no
 * IFA_LOCAL, IFA_ADDRESS is ours. IFA_FLAGS is the whole of what ifa_flags has the low octet of.
 */
static int address_take(struct address *address, const struct attribute *attribute, bool *has_host, bool *has_local)
{
	switch (attribute->type) {
	case IFA_LOCAL:
		*has_host = *has_local = true;
		return address_take_host(address, attribute);
	case IFA_ADDRESS:
		*has_host = true;
		return *has_local ? 0 : address_take_host(address, attribute);
	case IFA_FLAGS:
		return attribute_u32(attribute, &address->flags);
	default:
		return 0;
	}
}

int address_decode(const struct nlmsghdr *message, struct address *ret_address)
{
	bool has_host = false, has_local = false;
	struct attributes attributes;
	struct attribute attribute;
	struct ifaddrmsg header;
	struct address address;
	int family;
	int r;

	r = attributes_of(message, sizeof(header), &attributes);
	if (r < 0)
		return r;
	memcpy(&header, message_payload(message), sizeof(header));
	family = prefix_family(header.ifa_family);
	if (family < 0)
		return family;
	address = (struct address){
		.host = { .family = family, .length = 8 * prefix_address_size(family) },
		.ifindex = header.ifa_index,
		.flags = header.ifa_flags,
	};
	while (attribute_next(&attributes, &attribute)) {
		r = address_take(&address, &attribute, &has_host, &has_local);
		if (r < 0)
			return r;
	}
	if (!attributes_finished(&attributes) || !has_host)
		return -EBADMSG;
	*ret_address = address;
	return 0;
}

/* Whatever its interface is. */
static bool address_is_usable(const struct address *address)
{
	if (prefix_is_local(&address->host) || address->flags & IFA_F_DADFAILED)
		return false;
	return !(address->flags & IFA_F_TENTATIVE) || address->flags & IFA_F_OPTIMISTIC;
}

bool address_counts(const struct address *address, const struct devices *devices)
{
	unsigned int traits;

	if (!address_is_usable(address))
		return false;
	traits = device_traits(devices, address->ifindex);
	return traits & DEVICE_UP && !(traits & DEVICE_IGNORED);
}

bool address_is_ignored(const struct address *address, const struct devices *devices)
{
	unsigned int traits;

	if (!address_is_usable(address))
		return false;
	traits = device_traits(devices, address->ifindex);
	return traits & DEVICE_UP && traits & DEVICE_IGNORED;
}
