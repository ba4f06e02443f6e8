/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * seeds DIRECTORY: writes the inputs with which the fuzz targets begin, DIRECTORY/TARGET/NUMBER, made of the vectors
 * that the other tests have.
 */
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corpus.h"
#include "responses.h"

static const char *directory;

/* Of each target. */
struct seeds {
	const char *target;
	unsigned int count;
};

static void make_directory(const char *path)
{
	if (mkdir(path, 0755) < 0 && access(path, F_OK) < 0) {
		perror(path);
		exit(1);
	}
}

static void write_seed(struct seeds *seeds, const void *before, size_t before_length, const void *octets, size_t length)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, seeds->target);
	if (seeds->count == 0)
		make_directory(path);
	snprintf(path, sizeof(path), "%s/%s/%04u", directory, seeds->target, seeds->count++);
	file = fopen(path, "w");
	if (!file || fwrite(before, 1, before_length, file) != before_length ||
	    fwrite(octets, 1, length, file) != length || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void write_query(const struct message *message)
{
	/* Everything may be answered, and is, with the extended error; then the same with doubts. */
	static const __u8 situations[][4] = { { 0x57, 0x24, 0, 0 }, { 0x7f, 0x24, 1, 0 }, { 0x53, 0x0c, 0, 0x11 } };
	static struct seeds question = { "question", 0 }, differential = { "differential", 0 },
			    answer = { "answer", 0 };

	if (message->length > SIEVE_MESSAGE_MAX)
		return;
	write_seed(&question, NULL, 0, message->octets, message->length);
	write_seed(&differential, NULL, 0, message->octets, message->length);
	write_seed(&answer, situations[answer.count % ARRAY_SIZE(situations)], sizeof(situations[0]), message->octets,
		   message->length);
}

static void write_queries(void)
{
	struct corpus_entry entry;

	for (size_t i = 0; make_corpus_entry(i, &entry); i++) {
		struct message message;

		make_message(&entry.plan, &message);
		write_query(&message);
	}
}

static void write_responses(void)
{
	static struct seeds seeds = { "response", 0 };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(response_pairs); i++) {
		const struct response_pair *pair = &response_pairs[i / 2];
		struct message message;
		struct layout layout;

		make_response(i % 2 ? &pair->twin : &pair->plan, false, &message, &layout);
		if (message.length <= SIEVE_RESPONSE_MAX)
			write_seed(&seeds, "\0", 1, message.octets, message.length);
	}
}

/* Netlink: a message is put together in struct message, too. */

static void put_attribute(struct message *message, __u16 type, const void *data, size_t length)
{
	const struct nlattr header = { .nla_len = (__u16)(NLA_HDRLEN + length), .nla_type = type };

	put_octets(message, &header, sizeof(header));
	put_octets(message, data, length);
	put_octets(message, "\0\0\0", NLA_ALIGN(length) - length);
}

static void put_attribute_u32(struct message *message, __u16 type, __u32 value)
{
	put_attribute(message, type, &value, sizeof(value));
}

static void put_attribute_address(struct message *message, __u16 type, const char *text)
{
	__u8 address[16];

	put_attribute(message, type, address, parse_address(text, address));
}

static void make_route(struct message *ret, const char *destination, __u8 length, const char *via, __u8 type)
{
	const struct rtmsg header = { .rtm_family = (unsigned char)family_of(destination), .rtm_dst_len = length,
				      .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = type };

	ret->length = 0;
	put_octets(ret, &header, sizeof(header));
	put_attribute_u32(ret, RTA_TABLE, RT_TABLE_MAIN);
	if (length > 0)
		put_attribute_address(ret, RTA_DST, destination);
	put_attribute_u32(ret, RTA_PRIORITY, 100);
	if (via)
		put_attribute_address(ret, RTA_GATEWAY, via);
	put_attribute_u32(ret, RTA_OIF, 2);
}

/* Two legs, of which the first is dead. */
static void make_multipath(struct message *ret)
{
	struct rtnexthop legs[] = {
		{ .rtnh_len = sizeof(legs[0]), .rtnh_flags = RTNH_F_DEAD, .rtnh_ifindex = 2 },
		{ .rtnh_len = sizeof(legs[0]), .rtnh_ifindex = 4 },
	};

	make_route(ret, "198.51.100.0", 24, NULL, RTN_UNICAST);
	ret->length -= NLA_HDRLEN + sizeof(__u32); /* without RTA_OIF */
	put_attribute(ret, RTA_MULTIPATH, legs, sizeof(legs));
}

static void make_interface_address(struct message *ret, const char *address)
{
	const struct ifaddrmsg header = { .ifa_family = (unsigned char)family_of(address), .ifa_index = 2 };

	ret->length = 0;
	put_octets(ret, &header, sizeof(header));
	put_attribute_address(ret, IFA_ADDRESS, address);
	put_attribute_u32(ret, IFA_FLAGS, IFA_F_PERMANENT);
}

static void make_link(struct message *ret, const char *name, const char *kind)
{
	const struct ifinfomsg header = { .ifi_type = 1, .ifi_index = 2 };
	struct message nested = {};

	ret->length = 0;
	put_octets(ret, &header, sizeof(header));
	put_attribute(ret, IFLA_IFNAME, name, strlen(name) + 1);
	put_attribute(&nested, IFLA_INFO_KIND, kind, strlen(kind) + 1);
	put_attribute(ret, IFLA_LINKINFO, nested.octets, nested.length);
}

/* Names without NUL at the end of the message, as no kernel sends them. */
static void make_bare_link(struct message *ret, __u16 type, const char *name)
{
	const struct ifinfomsg header = { .ifi_type = 1, .ifi_index = 2 };

	ret->length = 0;
	put_octets(ret, &header, sizeof(header));
	put_attribute(ret, type, name, strlen(name));
}

static void make_socket(struct message *ret, unsigned char family)
{
	const struct inet_diag_msg header = { .idiag_family = family, .id = { .idiag_sport = htons(53) } };
	const __u64 cgroup = 4711;

	ret->length = 0;
	put_octets(ret, &header, sizeof(header));
	put_attribute(ret, INET_DIAG_CGROUP_ID, &cgroup, sizeof(cgroup));
}

/* The message with its header, and as datagrams for whoever asks: itself, and the end of the dump (netlink.h). */
static void write_message(const struct message *payload, __u16 type)
{
	static struct seeds route = { "route", 0 }, netlink = { "netlink", 0 };
	const struct nlmsghdr header = { .nlmsg_len = (__u32)(NLMSG_HDRLEN + payload->length), .nlmsg_type = type,
					 .nlmsg_seq = 1 };

	write_seed(&route, &header, sizeof(header), payload->octets, payload->length);
	for (unsigned int asked = 0; asked < 5; asked++) {
		struct message datagrams = {};

		put_u8(&datagrams, asked);
		put_u8(&datagrams, 0x28 * (netlink.count % 2));
		for (int dump = 0; dump < 4; dump++) {
			put_u8(&datagrams, 8);
			put_u16(&datagrams, (unsigned int)payload->length);
			put_octets(&datagrams, payload->octets, payload->length);
			put_octets(&datagrams, "\30\0\4\0\0\0\0", 7);
		}
		write_seed(&netlink, NULL, 0, datagrams.octets, datagrams.length);
	}
}

static void write_messages(void)
{
	struct message message;

	make_route(&message, "0.0.0.0", 0, "192.0.2.1", RTN_UNICAST);
	write_message(&message, RTM_NEWROUTE);
	make_route(&message, "2001:db8::", 32, "fe80::1", RTN_UNICAST);
	write_message(&message, RTM_NEWROUTE);
	make_route(&message, "127.0.0.1", 32, NULL, RTN_LOCAL);
	write_message(&message, RTM_DELROUTE);
	make_multipath(&message);
	write_message(&message, RTM_NEWROUTE);
	make_interface_address(&message, "192.0.2.10");
	write_message(&message, RTM_NEWADDR);
	make_interface_address(&message, "2001:db8::10");
	write_message(&message, RTM_NEWADDR);
	make_link(&message, "eth0", "veth");
	write_message(&message, RTM_NEWLINK);
	make_link(&message, "vrf-red", "vrf");
	write_message(&message, RTM_NEWLINK);
	make_bare_link(&message, IFLA_IFNAME, "eth0");
	write_message(&message, RTM_NEWLINK);
	make_bare_link(&message, IFLA_LINKINFO, "\7\0\1\0vrf"); /* IFLA_INFO_KIND, without its padding, too */
	write_message(&message, RTM_NEWLINK);
	make_socket(&message, AF_INET);
	write_message(&message, SOCK_DIAG_BY_FAMILY);
	make_socket(&message, AF_INET6);
	write_message(&message, SOCK_DIAG_BY_FAMILY);
}

static void write_text(struct seeds *seeds, const char *text)
{
	write_seed(seeds, NULL, 0, text, strlen(text));
}

static void write_texts(void)
{
	static struct seeds config = { "config", 0 }, name = { "name", 0 }, aggregate = { "aggregate", 0 };
	static struct seeds file = { "file", 0 };

	write_text(&config, "action observe\ncgroup system.slice\nexempt-cgroup /a/b\nport 5300\nport 53\n");
	write_text(&config, "ignore-interface docker*\ngateway br-lan\nask corp.example aaaa\nexempt-name a.b\n");
	write_text(&config, "settle 1.5\nfail-open-after 0.5\nfail-open-spread 0\nmax-netns 1\nrun-dir /run/x/\n");
	write_text(&config, "families aaaa\ndetect addresses\nresults covered\norder last\nnat64 no\nede no\n");
	write_text(&file, "# a comment\naction = observe\n\ncgroup = system.slice\r\nask = corp.example  aaaa \n");
	write_text(&file, "port=5300\nport = 53\nsettle = 1.5\n; another\nrun-dir = /run/a=b\n");
	write_text(&file, "[section]\n action = drop\naction : drop\naction = \"drop\"\nede = no ; no\n");
	write_text(&name, "local\nfoo.local");
	write_text(&name, "Metadata.Google.Internal.\nx.metadata.google.internal");
	write_text(&name, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p\n_x.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.");
	write_seed(&aggregate, "\0", 1, "\30\300\0\2\31\300\0\3\0\31\300\0\3\200", 14);
	write_seed(&aggregate, "\1", 1, "\40\40\1\15\270\1\0\1\200", 9);
	write_seed(&aggregate, "\6\2\3", 3, "\1\0\1\200\10\12\11\12\0", 9);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = argv[1];
	make_directory(directory);
	write_queries();
	write_responses();
	write_messages();
	write_texts();
	return 0;
}
