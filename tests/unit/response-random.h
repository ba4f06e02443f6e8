/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of unit/response.c: responses made and changed at random, SEED=N for the same ones again. */
#ifndef TESTS_UNIT_RESPONSE_RANDOM_H
#define TESTS_UNIT_RESPONSE_RANDOM_H

#include <time.h>

#include "reader.h"

#define RANDOM_PLANS 20000
#define RANDOM_CHANGES 60000

static unsigned int random_seed;

static unsigned int pick(unsigned int below)
{
	return (unsigned int)random() % below;
}

static void seed_random(void)
{
	const char *text = getenv("SEED");

	random_seed = text ? (unsigned int)strtoul(text, NULL, 10) : (unsigned int)time(NULL);
	srandom(random_seed);
	printf("SEED=%u\n", random_seed);
}

static const char *random_address(void)
{
	static const char *const addresses[] = { LOST4, LOST6, ROUTED4, ROUTED6, MAPPED, "127.0.0.1", "fe80::1",
	    "203.0.113.8", "2001:db8::1" };

	return addresses[pick(ARRAY_SIZE(addresses))];
}

static const char *random_name(void)
{
	static const char *const names[] = { "www.example", "a", "b.c.d.e", "cdn.example.net",
	    "a-long-label-of-a-service.namespace.svc.cluster.local" };

	return names[pick(ARRAY_SIZE(names))];
}

/* An owner that does not refer to a record that goes, nor one behind it: those have tests of their own. */
static void random_owner(struct record_plan *records, size_t index, size_t safe)
{
	struct record_plan *record = &records[index];
	size_t other = pick((unsigned int)(safe ? safe : 1));

	record->name = random_name();
	record->owner = (enum owner)pick(5);
	if (record->owner == OWNER_TARGET && (safe == 0 || record_type(&records[other]) != 5))
		record->owner = OWNER_QNAME;
	if (record->owner == OWNER_OF && safe == 0)
		record->owner = OWNER_FULL;
	record->of = (__u16)(other + 1);
}

static void random_data(struct record_plan *record, bool anything_went)
{
	static const struct record_plan data[] = {
		{ .type = 16, .data = OCTETS("\4text\300\14") }, { .type = 5, .target = "t", .below_qname = true },
		{ .type = 5, .target = "cdn.example" },          { .type = 65, .data = OCTETS("\0\1\0" ALPN NO_ALPN) },
		{ .type = 15, .data = OCTETS("\0\1"), .target = "m", .below_qname = true }, { .type = 99,
		    .data = OCTETS("?") },
	};

	*record = data[pick(anything_went ? 4 : ARRAY_SIZE(data))];
}

/* Answers, then sometimes records of the other sections. */
static void random_plan(struct response_plan *plan, struct record_plan *records)
{
	size_t count = pick(14), safe = 0;
	bool anything_went = false;

	memset(plan, 0, sizeof(*plan));
	memset(records, 0, RECORDS_MAX * sizeof(*records));
	plan->records = records;
	plan->question.qname = random_name();
	plan->question.qtype = pick(2) ? 28 : 1;
	plan->question.flags = (__u16)(pick(2) ? FLAG_AA | FLAG_CD : 0);
	for (size_t i = 0; i < count; i++) {
		if (pick(4))
			records[i].address = random_address();
		else
			random_data(&records[i], anything_went);
		records[i].ttl = 1 + pick(100000);
		if (i > 0 && (records[i - 1].section > SECTION_ANSWER || pick(6) == 0))
			records[i].section = (enum section)(records[i - 1].section +
							    pick(SECTIONS - records[i - 1].section));
		random_owner(records, i, safe);
		anything_went |= record_goes(&records[i]);
		if (!anything_went)
			safe = i + 1;
	}
	plan->count = count;
	if (pick(2))
		records[plan->count++] = (struct record_plan)PLAIN_OPT;
}

static void random_responses_lose_what_they_should(void **state)
{
	static struct record_plan records[RECORDS_MAX];
	struct response_plan plan;
	char phrase[64];
	int changed = 0;

	(void)state;
	seed_random();
	for (int i = 0; i < RANDOM_PLANS; i++) {
		random_plan(&plan, records);
		snprintf(phrase, sizeof(phrase), "plan %d of SEED=%u", i, random_seed);
		check_plan(phrase, &plan);
		changed += was_cut(wanted_response(&plan));
	}
	printf("%d of %d random responses changed\n", changed, RANDOM_PLANS);
	assert_in_range(changed, RANDOM_PLANS / 4, RANDOM_PLANS);
}

static bool must_go(const struct read_record *record)
{
	size_t size = record->type == 1 ? 4 : record->type == 28 ? 16 : 0;

	if (record->section != 1 || record->class != 1 || size == 0)
		return false;
	assert_int_equal(record->rdlength, size);
	return !is_routed(record->rdata, size) && !is_needless(record->rdata, size);
}

/* All that must not go is there, in order, and nothing else. */
static void check_remains(const char *phrase, const struct message *before, const struct message *after)
{
	static struct reading old, new;
	size_t next = 0, gone = 0;

	if (!read_message(before, &old) || !read_message(after, &new))
		fail_msg("%s: no message", phrase);
	if (memcmp(before->octets, after->octets, 6) || !same_text(&old.qname, &new.qname) ||
	    old.counts[2] != new.counts[2] || old.counts[3] != new.counts[3])
		fail_msg("%s: the header or the question", phrase);
	for (size_t i = 0; i < old.count; i++) {
		if (must_go(&old.records[i])) {
			gone++;
			continue;
		}
		if (next == new.count || !same_record(&old.records[i], &new.records[next++]))
			fail_msg("%s: record %zu of %zu", phrase, i, old.count);
	}
	assert_int_equal(next, new.count);
	assert_int_equal(new.counts[1] + gone, old.counts[1]);
	assert_true(gone > 0);
}

static __u8 random_octet(const struct message *message)
{
	static const __u8 telling[] = { 0, 1, 2, 4, 5, 12, 16, 28, 41, 46, 63, 64, 65, 0x80, 0xbf, 0xc0, 0xff };

	switch (pick(3)) {
	case 0:
		return telling[pick(ARRAY_SIZE(telling))];
	case 1:
		return (__u8)pick((unsigned int)message->length); /* an offset */
	default:
		return (__u8)pick(256);
	}
}

static void change_at_random(struct message *message)
{
	unsigned int at = pick((unsigned int)message->length), length;

	switch (pick(8)) {
	case 0: /* shorter */
		message->length = at < 12 ? 12 : at;
		break;
	case 1: /* octets are missing */
		length = 1 + pick(16);
		if (at < 12 || at + length > message->length)
			return;
		memmove(&message->octets[at], &message->octets[at + length], message->length - at - length);
		message->length -= length;
		break;
	case 2: /* a piece stands elsewhere, too */
		length = 1 + pick(30);
		if (at + length > message->length)
			return;
		memmove(&message->octets[pick((unsigned int)message->length - length + 1)], &message->octets[at],
			length);
		break;
	case 3: /* a pointer */
		if (at + 2 > message->length)
			return;
		message->octets[at] = 0xc0;
		message->octets[at + 1] = (__u8)pick((unsigned int)message->length);
		break;
	default:
		message->octets[at] = random_octet(message);
	}
}

static void messages_changed_at_random_keep_their_other_records(void **state)
{
	static struct record_plan records[RECORDS_MAX];
	struct message before, after;
	struct response_plan plan;
	struct sieve_work work;
	struct layout layout;
	char phrase[64];
	int changed = 0;

	(void)state;
	seed_random();
	for (int i = 0; i < RANDOM_CHANGES; i++) {
		random_plan(&plan, records);
		make_response(&plan, false, &before, &layout);
		for (unsigned int changes = 1 + pick(3); changes > 0; changes--)
			change_at_random(&before);
		memset(&before.octets[before.length], 0, sizeof(before.octets) - before.length);
		after = before;
		snprintf(phrase, sizeof(phrase), "message %d of SEED=%u", i, random_seed);
		if (was_cut(filter(&after, &work))) {
			check_remains(phrase, &before, &after);
			changed++;
			continue;
		}
		check_equal(phrase, &after, &before);
	}
	printf("%d of %d messages changed at random are messages from which addresses went\n", changed, RANDOM_CHANGES);
	assert_in_range(changed, RANDOM_CHANGES / 20, RANDOM_CHANGES);
}

#endif
