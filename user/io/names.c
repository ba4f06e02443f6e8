/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "suffix.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Names whose answer is not for a stub resolver to lose: link-local and host names (RFC 6762, RFC 6761),
 * the discovery of NAT64 and of resolvers (RFC 7050, RFC 9462), and the metadata of clouds.
 */
const char *const names_exempt[] = {
	"local",
	"localhost",
	"test",
	"ipv4only.arpa",
	"resolver.arpa",
	"metadata.google.internal",
	"instance-data.ec2.internal",
	NULL,
};

/* Append the labels of `name` and the root to the message. */
static int append_name(const char *name, struct sieve_work *work)
{
	__u32 at = SIEVE_HEADER_SIZE;

	if (name[0] == '\0')
		return -EINVAL;
	if (strcmp(name, ".") == 0)
		name = "";
	while (*name) {
		size_t length = strcspn(name, ".");

		if (length == 0 || length > SIEVE_LABEL_MAX || at + length + 2 > SIEVE_HEADER_SIZE + SIEVE_NAME_MAX)
			return -EINVAL;
		work->message[at] = (__u8)length;
		memcpy(&work->message[at + 1], name, length);
		at += 1 + (__u32)length;
		name += length;
		if (*name == '.')
			name++;
	}
	work->message[at] = 0;
	work->length = at + 1;
	return 0;
}

int names_query(const char *name, uint16_t type, struct sieve_work *work)
{
	static const __u8 header[SIEVE_HEADER_SIZE] = { [2] = 0x01, [5] = 1 }; /* RD=1, QDCOUNT=1 */
	int r;

	memset(work, 0, sizeof(*work));
	memcpy(work->message, header, sizeof(header));
	r = append_name(name, work);
	if (r < 0)
		return r;
	work->message[work->length] = (__u8)(type >> 8);
	work->message[work->length + 1] = (__u8)type;
	work->message[work->length + 3] = SIEVE_CLASS_IN;
	work->length += SIEVE_QUESTION_TAIL;
	return 0;
}

int names_suffix(const char *name, uint64_t *ret_key, unsigned int *ret_labels)
{
	struct sieve_work work;

	if (names_query(name, SIEVE_TYPE_A, &work) < 0 || sieve_parse_query(&work) != SIEVE_REASON_NONE)
		return -EINVAL;
	if (work.question.labels == 0 || work.question.labels > SIEVE_SUFFIX_LABELS_MAX)
		return -EINVAL;
	*ret_key = sieve_suffix_hash(&work);
	*ret_labels = work.question.labels;
	return 0;
}

/* The key of the last `labels` labels, as bpf/facts.h goes through them. */
static uint64_t tail_key(const struct sieve_work *work, unsigned int labels)
{
	uint64_t hash = 0;

	for (unsigned int depth = 1; depth <= labels; depth++)
		hash = sieve_hash(hash, work->label_hash[work->question.labels + 1 - depth]);
	return hash;
}

bool names_applies(const struct names_rule *rule, const struct sieve_work *work)
{
	return rule->labels <= work->question.labels && tail_key(work, rule->labels) == rule->suffix;
}

static int add_rule(struct names_rule *rules, size_t *count, struct names_rule rule, const char *suffix)
{
	int r = names_suffix(suffix, &rule.suffix, &rule.labels);

	if (r == 0)
		rules[(*count)++] = rule;
	return r;
}

static int add_rules(const struct config *config, struct names_rule *rules, size_t *count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && names_exempt[i]; i++)
		r = add_rule(rules, count, (struct names_rule){ .value = names_exempt[i], .flags = SIEVE_NAME_EXEMPT },
			     names_exempt[i]);
	for (size_t i = 0; r == 0 && i < config->exempt_names.count; i++) {
		const char *word = config->exempt_names.words[i];

		r = add_rule(rules, count,
			     (struct names_rule){ .key = "exempt-name", .value = word, .flags = SIEVE_NAME_EXEMPT }, word);
	}
	for (size_t i = 0; r == 0 && i < config->asks.count; i++) {
		struct name_ask ask;

		r = name_parse_ask(config->asks.words[i], &ask);
		if (r == 0)
			r = add_rule(rules, count,
				     (struct names_rule){ .key = "ask", .value = config->asks.words[i], .flags = ask.flags },
				     ask.suffix);
	}
	return r;
}

int names_list(const struct config *config, struct names_rule **ret_rules, size_t *ret_count)
{
	const size_t room = COUNT(names_exempt) + config->exempt_names.count + config->asks.count;
	struct names_rule *rules = calloc(room, sizeof(*rules));
	size_t count = 0;
	int r;

	if (!rules)
		return -ENOMEM;
	r = add_rules(config, rules, &count);
	if (r < 0) {
		free(rules);
		return r;
	}
	*ret_rules = rules;
	*ret_count = count;
	return 0;
}
