/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames at random, for kernel/fuzz.c: valid ones of the tables and of the corpus, changed in a few places and mended
 * in some, so that not all fail at the first look. A frame is a function of its seed alone.
 */
#ifndef TESTS_KERNEL_MUTATE_H
#define TESTS_KERNEL_MUTATE_H

#include "corpus.h"
#include "datagram.h"
#include "packet-pairs.h"
#include "responses.h"

#define FUZZ_FRAME_MAX 1800

struct random {
	__u64 state;
};

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do, and neighbours have nothing in common. */
static inline __u64 random_next(struct random *random)
{
	__u64 mixed = random->state += 0x9e3779b97f4a7c15ULL;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
	return mixed ^ mixed >> 31;
}

static inline size_t random_below(struct random *random, size_t limit)
{
	return (size_t)(random_next(random) % limit);
}

static inline bool one_in(struct random *random, size_t many)
{
	return random_below(random, many) == 0;
}

/* The messages of the corpus, made once: half of a message table is shorter than what it takes to make it. */
static inline void random_query(struct random *random, struct message *ret)
{
	static size_t count;
	struct corpus_entry entry;

	for (; count == 0 || make_corpus_entry(count, &entry); count++)
		;
	make_corpus_entry(random_below(random, count), &entry);
	make_message(&entry.plan, ret);
}

static inline void random_query_packet(struct random *random, struct packet *ret)
{
	static const struct packet_plan usual;
	const struct packet_pair *pair = &packet_pairs[random_below(random, ARRAY_SIZE(packet_pairs))];
	struct packet_plan plan = one_in(random, 3) ? usual : one_in(random, 2) ? pair->plan : pair->twin;
	struct message message;

	random_query(random, &message);
	if (!plan.version)
		plan.version = one_in(random, 2) ? 4 : 6;
	plan.missing = 0; /* made for the usual message */
	plan.no_checksum |= one_in(random, 20);
	make_packet(&plan, &message, ret);
}

static inline void random_response_packet(struct random *random, const struct packet_plan plans[2], struct packet *ret)
{
	const struct response_pair *pair = &response_pairs[random_below(random, ARRAY_SIZE(response_pairs))];
	struct packet_plan plan = plans[random_below(random, 2)];
	struct message message;
	struct layout layout;

	make_response(one_in(random, 3) ? &pair->twin : &pair->plan, false, &message, &layout);
	plan.no_checksum = one_in(random, 20);
	plan.behind = one_in(random, 8) ? (__u8)random_below(random, 30) : 0;
	make_packet(&plan, &message, ret);
}

static inline void delete_octets(struct packet *packet, size_t at, size_t length)
{
	memmove(&packet->octets[at], &packet->octets[at + length], packet->length - at - length);
	packet->length -= length;
}

static inline void insert_octets(struct packet *packet, size_t at, const __u8 *octets, size_t length)
{
	if (packet->length + length > FUZZ_FRAME_MAX)
		return;
	memmove(&packet->octets[at + length], &packet->octets[at], packet->length - at);
	memcpy(&packet->octets[at], octets, length);
	packet->length += length;
}

/* A piece of itself again, or one of noise. */
static inline void insert_piece(struct random *random, struct packet *packet, size_t at)
{
	__u8 piece[40];
	size_t length = 1 + random_below(random, sizeof(piece)), from = random_below(random, packet->length);

	for (size_t i = 0; i < length; i++)
		piece[i] = (__u8)random_next(random);
	if (one_in(random, 2) && from + length <= packet->length)
		memcpy(piece, &packet->octets[from], length);
	insert_octets(packet, at, piece, length);
}

static inline void change_number(struct random *random, struct packet *packet, size_t at)
{
	static const __u16 telling[] = { 0, 1, 5, 8, 28, 41, 53, 63, 64, 0x100, 0x120, 0x3500, 0x8180, 0xc00c, 0xffff };
	unsigned int now;

	if (at + 2 > packet->length)
		return;
	now = octets_to_u16(&packet->octets[at]);
	if (one_in(random, 2))
		set_u16(packet, at, telling[random_below(random, ARRAY_SIZE(telling))]);
	else
		set_u16(packet, at, now + random_below(random, 33) - 16);
}

static inline void mutate_once(struct random *random, struct packet *packet)
{
	static const __u8 telling[] = { 0, 1, 4, 6, 17, 28, 41, 43, 44, 45, 51, 60, 63, 64, 0xc0, 0xff };
	static const __u8 tag[] = { 0x81, 0, 0, 5 };
	size_t at = random_below(random, packet->length), length = 1 + random_below(random, 24);

	switch (random_below(random, 12)) {
	case 0:
	case 1:
	case 2:
		packet->octets[at] ^= (__u8)(1 << random_below(random, 8));
		break;
	case 3:
		packet->octets[at] = (__u8)random_next(random);
		break;
	case 4:
	case 5:
		packet->octets[at] = telling[random_below(random, ARRAY_SIZE(telling))];
		break;
	case 6:
	case 7:
		change_number(random, packet, at);
		break;
	case 8:
		insert_piece(random, packet, at);
		break;
	case 9:
		if (at + length < packet->length)
			delete_octets(packet, at, length);
		break;
	case 10:
		packet->length = at + 1 > ETHERNET_SIZE ? at + 1 : packet->length;
		break;
	case 11:
		if (one_in(random, 4)) /* a VLAN's */
			insert_octets(packet, 12, tag, sizeof(tag));
		break;
	}
}

/* Lengths and checksums as they should be, if the ports are to be seen. Returns whether they are. */
static inline bool mend(struct packet *packet)
{
	struct datagram datagram;

	if (!find_datagram(packet->octets, packet->length, &datagram) || datagram.protocol != IPPROTO_UDP)
		return false;
	packet->version = octets_to_u16(&packet->octets[12]) == ETH_P_IP ? 4 : 6;
	packet->network = datagram.network;
	packet->transport = datagram.transport;
	set_u16(packet, packet->transport + 4, packet->length - packet->transport);
	set_ip_length(packet, 0);
	if (octets_to_u16(&packet->octets[packet->transport + 6]))
		set_udp_checksum(packet);
	return true;
}

/* One in eight stays as it was made, one is noise from some offset on. */
static inline void mutate(struct random *random, struct packet *packet)
{
	size_t times = random_below(random, 8);

	if (one_in(random, 32))
		for (size_t at = 12 + random_below(random, packet->length - 12); at < packet->length; at++)
			packet->octets[at] = (__u8)random_next(random);
	for (size_t i = 0; i < times; i++)
		mutate_once(random, packet);
	if (one_in(random, 2))
		mend(packet);
}

#endif
