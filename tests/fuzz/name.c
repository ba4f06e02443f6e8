/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names as people write them (user/core/name.c), their keys by text (user/io/names.c), and those that the programs find
 * in a message (bpf/dns.h, bpf/suffix.h). The input is a suffix, a line's end, and a name.
 */
#include <ctype.h>
#include <errno.h>

#include "fuzz.h"
#include "name.h"
#include "names.h"
#include "question.h"
#include "suffix.h"

struct labels {
	char text[SIEVE_LABELS][64]; /* in lower case */
	size_t count;
};

/* RFC 1035 section 2.3.4, without escapes; false: no such name. The root has no labels. */
static bool split(const char *text, struct labels *ret)
{
	size_t length = strlen(text), octets = 1;

	ret->count = 0;
	if (length == 0)
		return false;
	if (text[length - 1] == '.')
		length--;
	for (size_t at = 0; at < length || (at == length && length > 0 && text[length - 1] == '.');) {
		size_t end = at;

		while (end < length && text[end] != '.')
			end++;
		if (end == at || end - at > 63 || ret->count == 127)
			return false;
		for (size_t i = at; i < end; i++)
			ret->text[ret->count][i - at] = (char)lower_case((uint8_t)text[i]);
		ret->text[ret->count][end - at] = '\0';
		ret->count++;
		octets += 1 + end - at;
		at = end + 1;
	}
	return octets <= 255;
}

static bool is_listable(const struct labels *labels)
{
	if (labels->count == 0 || labels->count > 16)
		return false;
	for (size_t i = 0; i < labels->count; i++)
		for (const char *octet = labels->text[i]; *octet; octet++)
			if (!isalnum((unsigned char)*octet) && *octet != '-' && *octet != '_')
				return false;
	return true;
}

static bool is_under(const struct labels *name, const struct labels *suffix)
{
	if (name->count < suffix->count)
		return false;
	for (size_t i = 0; i < suffix->count; i++)
		if (strcmp(name->text[name->count - suffix->count + i], suffix->text[i]) != 0)
			return false;
	return true;
}

/* The same family or families for whatever the words are. */
static void check_ask(const char *suffix, bool is_suffix)
{
	static const char *const families[] = { "a", "aaaa", "both", "AAAA", "" };
	char text[512];

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct name_ask ask;
		int r;

		if (snprintf(text, sizeof(text), "%s \t%s", suffix, families[i]) >= (int)sizeof(text))
			return;
		memset(&ask, 0xa5, sizeof(ask));
		r = name_parse_ask(text, &ask);
		if (strpbrk(suffix, " \t"))
			continue;
		must((r == 0) == (is_suffix && i < 3), "ask = %s: %d", text, r);
		if (r == 0)
			must(strcmp(ask.suffix, suffix) == 0 && ask.flags == (i == 0   ? 2U
									      : i == 1 ? 4U
										       : 6U),
			     "%s", ask.suffix);
	}
}

/* The query for a name, from its labels as they are written. */
static void make_query(const char *text, struct sieve_work *ret)
{
	uint8_t message[SIEVE_MESSAGE_MAX] = { [2] = 1, [5] = 1 };
	size_t at = SIEVE_HEADER_SIZE;

	while (*text && strcmp(text, ".") != 0) {
		size_t length = strcspn(text, ".");

		message[at] = (uint8_t)length;
		memcpy(&message[at + 1], text, length);
		at += 1 + length;
		text += length + (text[length] == '.');
	}
	message[at + 2] = SIEVE_TYPE_AAAA;
	message[at + 4] = SIEVE_CLASS_IN;
	must(parse_query(message, at + 5, 0xa5, ret) == SIEVE_REASON_NONE, "no query for %s", text);
}

/* As bpf/facts.h goes from label to label: does it come by the key at this depth? */
static bool comes_by(const struct sieve_work *work, uint64_t key, unsigned int labels)
{
	uint64_t hash = 0;

	if (labels > work->question.labels)
		return false;
	for (unsigned int depth = 0; depth < labels; depth++)
		hash = sieve_hash(hash, work->label_hash[work->question.labels - depth]);
	return hash == key;
}

/* User space and the programs agree with each other, and with the labels. */
static void check_lookup(const char *name_text, const struct labels *name, const char *suffix_text,
			 const struct labels *suffix)
{
	static struct sieve_work work;
	struct names_rule rule = {};
	struct names_tails tails;

	make_query(name_text, &work);
	must(work.question.labels == name->count, "%u labels", work.question.labels);
	must(names_suffix(suffix_text, &rule.suffix, &rule.labels) == 0, "no key for %s", suffix_text);
	must(rule.labels == suffix->count, "%u labels", rule.labels);
	must(sieve_suffix_bit(rule.suffix) < SIEVE_SUFFIX_BITS, "no such bit");
	names_tails(name_text, &tails);
	must(names_applies(&rule, &tails) == is_under(name, suffix), "%s is%s under %s", name_text,
	     is_under(name, suffix) ? "" : " not", suffix_text);
	must(comes_by(&work, rule.suffix, rule.labels) == is_under(name, suffix), "the programs: %s is%s under %s",
	     name_text, is_under(name, suffix) ? "" : " not", suffix_text);
}

/* Text as one can give it: without NUL. */
static char *take_line(struct input *input)
{
	const uint8_t *end = memchr(input->data, '\n', input->size);
	size_t length = end ? (size_t)(end - input->data) : input->size;
	char *text = strndup((const char *)input->data, length);

	input->data += length + (end != NULL);
	input->size -= length + (end != NULL);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct labels suffix, name;
	struct input input = { data, size };
	char *suffix_text, *name_text;
	struct names_tails tails;
	bool is_suffix;

	if (size == 0)
		return -1;
	suffix_text = take_line(&input);
	name_text = take_line(&input);
	is_suffix = split(suffix_text, &suffix) && is_listable(&suffix);
	must(name_is_suffix(suffix_text, strlen(suffix_text)) == is_suffix, "%s is%s a suffix", suffix_text,
	     is_suffix ? "" : " not");
	check_ask(suffix_text, is_suffix);
	names_tails(name_text, &tails); /* what a command asks about may be anything */
	must(tails.count <= SIEVE_SUFFIX_LABELS_MAX, "%u tails", tails.count);
	if (is_suffix && split(name_text, &name))
		check_lookup(name_text, &name, suffix_text, &suffix);
	free(suffix_text);
	free(name_text);
	return 0;
}
