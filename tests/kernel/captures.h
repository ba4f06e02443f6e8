/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The frames of capture files, as a hook of an Ethernet device would see them: VLAN tags are taken off, other
 * link layers are replaced by an Ethernet header, and what went to one host goes to the tap of harness.h. For
 * the test of real captures (tools/captures.sh fetches them).
 */
#ifndef TESTS_KERNEL_CAPTURES_H
#define TESTS_KERNEL_CAPTURES_H

#include <dirent.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_DONT_INCLUDE_PCAP_BPF_H /* its struct bpf_insn is not the kernel's */
#include <pcap/pcap.h>
#include <pcap/dlt.h>

#include "packets.h"

#define FRAME_MAX 3500 /* what BPF_PROG_TEST_RUN takes on every kernel, with pages of 4,096 octets */
#define LINK_TYPES 300

struct frame {
	const char *file; /* from the captures' directory on */
	unsigned int number; /* as tcpdump --number and Wireshark count */
	__u8 octets[FRAME_MAX];
	size_t length;
};

/* What was read, and what was not, and why. */
struct capture_sums {
	unsigned int files, unreadable, frames, tagged, cut, too_long, runts;
	unsigned int link_types[LINK_TYPES], skipped[LINK_TYPES];
};

typedef void frame_visitor(const struct frame *frame, void *data);

static inline __u16 octets_u16(const __u8 *octets)
{
	return (__u16)(octets[0] << 8 | octets[1]);
}

static inline void put_frame(struct frame *frame, const void *octets, size_t length)
{
	memcpy(&frame->octets[frame->length], octets, length);
	frame->length += length;
}

/* An Ethernet header before a packet that has lost its link layer, or had another. */
static inline bool put_packet(struct frame *frame, __u16 ether_type, const __u8 *octets, size_t length)
{
	const __u8 source[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x10 };
	const __u8 type[2] = { (__u8)(ether_type >> 8), (__u8)ether_type };

	put_frame(frame, usual_mac, ETH_ALEN);
	put_frame(frame, source, ETH_ALEN);
	put_frame(frame, type, sizeof(type));
	put_frame(frame, octets, length);
	return true;
}

static inline bool is_vlan_type(__u16 ether_type)
{
	return ether_type == 0x8100 || ether_type == 0x88a8 || ether_type == 0x9100;
}

/* As the device of the VLAN sees it. */
static inline bool put_ethernet(struct frame *frame, const __u8 *octets, size_t length, unsigned int *tagged)
{
	size_t type = 2 * ETH_ALEN;

	if (length <= ETHERNET_SIZE) /* BPF_PROG_TEST_RUN takes no empty packet */
		return false;
	while (type + 6 <= length && is_vlan_type(octets_u16(&octets[type])))
		type += 4;
	*tagged += type != 2 * ETH_ALEN;
	put_frame(frame, octets, 2 * ETH_ALEN);
	put_frame(frame, &octets[type], length - type);
	if (!(frame->octets[0] & 1)) /* not for a group */
		memcpy(frame->octets, usual_mac, ETH_ALEN);
	return true;
}

/* The EtherType of an IP packet, by its first octet. */
static inline __u16 version_type(__u8 octet)
{
	return octet >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
}

/* Returns false where the link type is not known, or the frame has no whole header. */
static inline bool convert_frame(struct frame *frame, int link_type, const __u8 *octets, size_t length,
				 unsigned int *tagged)
{
	size_t header;

	switch (link_type) {
	case DLT_EN10MB:
		return put_ethernet(frame, octets, length, tagged);
	case DLT_LINUX_SLL:
		return length > 16 && put_packet(frame, octets_u16(&octets[14]), &octets[16], length - 16);
	case DLT_LINUX_SLL2:
		return length > 20 && put_packet(frame, octets_u16(octets), &octets[20], length - 20);
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
		header = link_type == DLT_NULL || link_type == DLT_LOOP ? 4 : 0;
		return length > header &&
		       put_packet(frame, version_type(octets[header]), &octets[header], length - header);
	default:
		return false;
	}
}

/* Without a whole IP header, which BPF_PROG_TEST_RUN does not take on newer kernels. */
static inline bool is_runt(const struct frame *frame)
{
	__u16 ether_type = octets_u16(&frame->octets[2 * ETH_ALEN]);

	return (ether_type == ETH_P_IP && frame->length < ETHERNET_SIZE + 20) ||
	       (ether_type == ETH_P_IPV6 && frame->length < ETHERNET_SIZE + 40);
}

static inline void visit_frame(struct frame *frame, int link_type, const struct pcap_pkthdr *header,
			       const __u8 *octets, struct capture_sums *sums, frame_visitor *visit, void *data)
{
	frame->number++;
	frame->length = 0;
	if (header->caplen + ETHERNET_SIZE > sizeof(frame->octets)) {
		sums->too_long++;
		return;
	}
	if (!convert_frame(frame, link_type, octets, header->caplen, &sums->tagged)) {
		sums->skipped[link_type]++;
		return;
	}
	if (is_runt(frame)) {
		sums->runts++;
		return;
	}
	sums->link_types[link_type]++;
	sums->cut += header->caplen < header->len;
	sums->frames++;
	visit(frame, data);
}

/* A file that is broken somewhere counts as far as it goes. */
static inline void visit_file(const char *path, const char *name, struct capture_sums *sums, frame_visitor *visit,
			      void *data)
{
	struct frame frame = { .file = name };
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const __u8 *octets;
	int link_type;

	if (!pcap) {
		sums->unreadable++;
		return;
	}
	link_type = pcap_datalink(pcap);
	if (link_type < 0 || link_type >= LINK_TYPES)
		link_type = LINK_TYPES - 1;
	while (pcap_next_ex(pcap, &header, &octets) == 1)
		visit_frame(&frame, link_type, header, octets, sums, visit, data);
	pcap_close(pcap);
	sums->files++;
}

static inline bool is_capture(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".pcap") == 0 || strcmp(dot, ".pcapng") == 0 || strcmp(dot, ".cap") == 0);
}

/* `path` has room for PATH_MAX octets; `prefix` of them are not shown. */
static inline void visit_directory(char *path, size_t prefix, struct capture_sums *sums, frame_visitor *visit,
				   void *data)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	size_t end = strlen(path);

	for (int i = 0; i < count; i++) {
		snprintf(path + end, PATH_MAX - end, "/%s", entries[i]->d_name);
		if (is_capture(entries[i]->d_name))
			visit_file(path, path + prefix, sums, visit, data);
		else if (entries[i]->d_name[0] != '.' && entries[i]->d_type == DT_DIR)
			visit_directory(path, prefix, sums, visit, data);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	path[end] = '\0';
}

/* Every frame of every capture file below the directory, in the same order each time. */
static inline void visit_captures(const char *directory, struct capture_sums *sums, frame_visitor *visit, void *data)
{
	char path[PATH_MAX];

	memset(sums, 0, sizeof(*sums));
	snprintf(path, sizeof(path), "%s", directory);
	visit_directory(path, strlen(directory) + 1, sums, visit, data);
}

static inline void print_capture_sums(const struct capture_sums *sums)
{
	printf("%u files, %u more that libpcap cannot read; %u frames: %u with a VLAN tag, %u cut short\n", sums->files,
	       sums->unreadable, sums->frames, sums->tagged, sums->cut);
	printf("not replayed: %u longer than %u octets, %u without a whole IP header", sums->too_long, FRAME_MAX,
	       sums->runts);
	for (int type = 0; type < LINK_TYPES; type++)
		if (sums->skipped[type]) {
			const char *name = pcap_datalink_val_to_name(type);

			printf(", %u of %s", sums->skipped[type], name ? name : "another link type");
		}
	printf("\nlink types:");
	for (int type = 0; type < LINK_TYPES; type++)
		if (sums->link_types[type])
			printf(" %s %u", pcap_datalink_val_to_name(type), sums->link_types[type]);
	printf("\n");
}

#endif
