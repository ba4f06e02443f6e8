/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attribute.h"

#include <errno.h>
#include <string.h>

int attributes_of(const struct nlmsghdr *message, size_t header_size, struct attributes *ret_attributes)
{
	size_t start = NLMSG_SPACE(header_size);

	if (message->nlmsg_len < NLMSG_LENGTH(header_size))
		return -EBADMSG;
	if (start > message->nlmsg_len)
		start = message->nlmsg_len;
	*ret_attributes = (struct attributes){
		.data = (const unsigned char *)message + start,
		.length = message->nlmsg_len - start,
	};
	return 0;
}

bool attribute_next(struct attributes *attributes, struct attribute *ret_attribute)
{
	struct nlattr header;
	size_t step;

	if (attributes->length < NLA_HDRLEN)
		return false;
	memcpy(&header, attributes->data, sizeof(header));
	if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes->length)
		return false;
	*ret_attribute = (struct attribute){
		.type = header.nla_type & NLA_TYPE_MASK,
		.data = attributes->data + NLA_HDRLEN,
		.length = header.nla_len - NLA_HDRLEN,
	};
	step = NLA_ALIGN(header.nla_len);
	if (step > attributes->length) /* the last one need not be padded */
		step = attributes->length;
	attributes->data += step;
	attributes->length -= step;
	return true;
}

bool attributes_finished(const struct attributes *attributes)
{
	return attributes->length < NLA_ALIGNTO;
}

int attribute_u32(const struct attribute *attribute, uint32_t *ret_value)
{
	if (attribute->length != sizeof(*ret_value))
		return -EBADMSG;
	memcpy(ret_value, attribute->data, sizeof(*ret_value));
	return 0;
}
