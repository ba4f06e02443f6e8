/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "name.h"

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

/* As the programs hash a label: its length first (bpf/dns.h). */
static uint64_t label_hash(const char *label, size_t length)
{
	uint64_t hash = sieve_hash(0, length);

	for (size_t i = 0; i < length; i++)
		hash = sieve_hash(hash, sieve_lower((unsigned char)label[i]));
	return hash;
}

void names_tails(const char *name, struct names_tails *ret_tails)
{
	size_t length = strlen(name);
	uint64_t hash = 0;

	ret_tails->count = 0;
	if (length > 0 && name[length - 1] == '.')
		length--;
	while (length > 0 && ret_tails->count < SIEVE_SUFFIX_LABELS_MAX) {
		size_t start = length;

		while (start > 0 && name[start - 1] != '.')
			start--;
		hash = sieve_hash(hash, label_hash(&name[start], length - start));
		ret_tails->keys[ret_tails->count++] = hash;
		length = start > 0 ? start - 1 : 0;
	}
}

int names_suffix(const char *name, uint64_t *ret_key, unsigned int *ret_labels)
{
	struct names_tails tails;

	if (!name_is_suffix(name, strlen(name)))
		return -EINVAL;
	names_tails(name, &tails);
	*ret_key = tails.keys[tails.count - 1];
	*ret_labels = tails.count;
	return 0;
}

bool names_applies(const struct names_rule *rule, const struct names_tails *tails)
{
	return rule->labels <= tails->count && tails->keys[rule->labels - 1] == rule->suffix;
}

/* Of a suffix, perhaps with a dot at the end. */
static uint32_t end_bit(const char *suffix)
{
	size_t end = strlen(suffix), start;

	if (end > 0 && suffix[end - 1] == '.')
		end--;
	for (start = end; start > 0 && suffix[start - 1] != '.'; start--)
		;
	if (start == end)
		return 0;
	return sieve_suffix_end_bit((uint32_t)(end - start), (unsigned char)suffix[start], (unsigned char)suffix[end - 1]);
}

static int add_rule(struct names_rule *rules, size_t *count, struct names_rule rule, const char *suffix)
{
	int r = names_suffix(suffix, &rule.suffix, &rule.labels);

	rule.end = end_bit(suffix);
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
