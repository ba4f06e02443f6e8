/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stubsieve explain: what would happen to a query from this network namespace and a cgroup, and why. The
 * verdict comes from the very functions that the kernel's programs are made of, fed with what the running
 * controller says of itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "configuration.h"
#include "connectivity_json.h"
#include "clock.h"
#include "decide.h"
#include "heartbeat.h"
#include "instance.h"
#include "mounts.h"
#include "options.h"
#include "query.h"
#include "ramp_json.h"
#include "status_json.h"

#define WORD_MAX 512

struct inquiry {
	const char *name;      /* QNAME, as given */
	const char *type;      /* "A" or "AAAA" */
	const char *cgroup;    /* path of the sender's cgroup, "" if it is not known */
	const json_t *status;  /* of the controller */
	const json_t *names;   /* what the controller says of the name */
	const json_t *netns;   /* the entry of this namespace in it, or NULL */
	struct sieve_work work;
	enum sieve_reason reason;
	char rule[WORD_MAX];   /* what of the configuration made it so, "" if nothing did */
};

static void print_usage(void)
{
	fputs("usage: stubsieve explain NAME [--type A|AAAA] [--cgroup PATH] [--json] [--run-dir DIRECTORY]\n"
	      "\n"
	      "Tell what would happen to a query for NAME sent from this network namespace, and by which route,\n"
	      "rule or configuration line. Exit status 3: no controller runs, so every query passes.\n"
	      "\n"
	      "  --type A|AAAA        only this type of query (default: both)\n"
	      "  --cgroup PATH        as if sent from this cgroup (default: the one of this command)\n"
	      "  --json               print JSON\n"
	      "  --run-dir DIRECTORY  of the controller (default: what " CONFIG_FILE_USUAL "\n"
	      "                       says, or /run/stubsieve)\n",
	      stdout);
}

static const char *config_word(const json_t *status, const char *key)
{
	const char *word = json_string_value(json_object_get(json_object_get(status, "config"), key));

	return word ? word : "?";
}

static const char *word_of(const json_t *object, const char *key)
{
	const char *word = json_string_value(json_object_get(object, key));

	return word ? word : "";
}

static bool is_below(const char *path, const char *above)
{
	size_t length = strlen(above);

	if (strcmp(above, "/") == 0)
		return true;
	return strncmp(path, above, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The nearest cgroup of those listed decides, as in bpf/facts.h. */
static uint32_t scope_fact(struct inquiry *query)
{
	const json_t *entry;
	const char *nearest = NULL;
	bool is_exempt = false;
	size_t i;

	json_array_foreach(json_object_get(query->status, "cgroups"), i, entry) {
		const char *path = json_string_value(json_object_get(entry, "path"));

		if (!path || !json_is_true(json_object_get(entry, "attached")) || !is_below(query->cgroup, path) ||
		    (nearest && strlen(path) <= strlen(nearest)))
			continue;
		nearest = path;
		is_exempt = strcmp(word_of(entry, "kind"), "exempt") == 0;
	}
	if (!nearest)
		return 0;
	snprintf(query->rule, sizeof(query->rule), "%s = %s", is_exempt ? "exempt-cgroup" : "cgroup", nearest);
	return is_exempt ? SIEVE_FACT_EXEMPT_CGROUP : SIEVE_FACT_SCOPE;
}

/* What the programs find of QNAME in the map `names`; the rule that decides is the first such of the list. */
static uint32_t name_fact(struct inquiry *query)
{
	const uint32_t asks = strcmp(query->type, "A") == 0 ? SIEVE_NAME_ASK_A : SIEVE_NAME_ASK_AAAA;
	const json_t *rule;
	size_t i;

	json_array_foreach(query->names, i, rule) {
		uint32_t flags = (uint32_t)json_integer_value(json_object_get(rule, "flags"));
		const char *key = word_of(rule, "key");

		if (!(flags & (SIEVE_NAME_EXEMPT | asks)))
			continue;
		snprintf(query->rule, sizeof(query->rule), key[0] ? "%s = %s" : "%sbuilt-in exempt name %s", key,
			 word_of(rule, "value"));
		return flags & SIEVE_NAME_EXEMPT ? SIEVE_FACT_EXEMPT_NAME : SIEVE_FACT_ASKED;
	}
	return 0;
}

static uint32_t stale_fact(const json_t *status)
{
	double age = json_real_value(json_object_get(status, "heartbeat_age_seconds"));

	return age > json_real_value(json_object_get(status, "fail_open_seconds")) ? SIEVE_FACT_STALE : 0;
}

/* Does `stop --ramp` let the name pass by now? */
static uint32_t ramp_fact(struct inquiry *query)
{
	const json_t *json = json_object_get(query->status, "ramp");
	uint64_t seed = (uint64_t)json_integer_value(json_object_get(json, "seed"));
	struct sieve_heartbeat heartbeat = {};
	struct ramp ramp;

	if (ramp_from_json(json, &ramp) < 0)
		return 0;
	heartbeat.ramp_start_ns = ramp.start_ns;
	heartbeat.ramp_ns = ramp.ramp_ns;
	query->work.cursor = sieve_question_root(&query->work.question);
	if (!sieve_ramp_passes(&heartbeat, seed, sieve_name_key(&query->work), clock_monotonic_ns()))
		return 0;
	return SIEVE_FACT_RAMP;
}

/* The published word of one type of query; a word of another version counts as connected: it passes. */
static __u8 published(const json_t *netns, const char *key)
{
	const char *word = json_string_value(json_object_get(json_object_get(netns, "state"), key));

	for (enum sieve_connectivity value = SIEVE_CONNECTED; word && connectivity_name(value); value++)
		if (strcmp(word, connectivity_name(value)) == 0)
			return (__u8)value;
	return SIEVE_CONNECTED;
}

/* The family that the query asks for, and the other one. */
static const json_t *family_of(const struct inquiry *query, bool other)
{
	bool asks_ipv4 = strcmp(query->type, "A") == 0;

	return json_object_get(query->netns, asks_ipv4 != other ? "ipv4" : "ipv6");
}

static bool detects_addresses(const struct inquiry *query)
{
	return strcmp(config_word(query->status, "detect"), "addresses") == 0;
}

/* Of the keys that bear on an answer the one that makes it: without it the family would be thought to be there. */
static const char *key_of_answer(const struct inquiry *query)
{
	if (strcmp(query->type, "A") == 0 && strcmp(config_word(query->status, "nat64"), "no") == 0)
		return "nat64";
	return detects_addresses(query) ? "detect" : NULL;
}

/* The configuration lines behind a verdict that no name or cgroup made. */
static void name_rule(struct inquiry *query)
{
	const char *ignored = json_string_value(json_object_get(family_of(query, false), "ignored"));
	const char *key = query->reason == SIEVE_REASON_NONE     ? key_of_answer(query) :
			  query->reason == SIEVE_REASON_settling ? "settle" :
			  query->reason == SIEVE_REASON_nat64    ? "nat64" :
			  query->reason == SIEVE_REASON_observed ? "action" :
			  query->reason == SIEVE_REASON_family   ? "families" :
			  query->reason == SIEVE_REASON_stale    ? "fail-open-after" :
								   NULL;

	if (query->reason == SIEVE_REASON_NONE && ignored)
		snprintf(query->rule, sizeof(query->rule), "ignore-interface: what %s has of this family does not count", ignored);
	else if (key)
		snprintf(query->rule, sizeof(query->rule), "%s = %s", key, config_word(query->status, key));
	else if (query->reason == SIEVE_REASON_scope)
		snprintf(query->rule, sizeof(query->rule), "none of the configured cgroups holds %s", query->cgroup);
	else if (query->reason == SIEVE_REASON_unknown_netns)
		snprintf(query->rule, sizeof(query->rule), "netns = %s%s", config_word(query->status, "netns"),
			 json_is_true(json_object_get(query->status, "netns_full")) ? ", and no more are followed (max-netns)" : "");
}

static __u8 configured_families(const json_t *status)
{
	const char *word = config_word(status, "families");

	return strcmp(word, "a") == 0	 ? 1 << SIEVE_IPV4 :
	       strcmp(word, "aaaa") == 0 ? 1 << SIEVE_IPV6 :
					   1 << SIEVE_IPV4 | 1 << SIEVE_IPV6;
}

static void decide(struct inquiry *query)
{
	const struct sieve_policy policy = {
		.families = configured_families(query->status),
		.whole_host = json_is_true(json_object_get(query->status, "whole_host")),
	};
	const struct sieve_netns state = { .connectivity = { published(query->netns, "a"), published(query->netns, "aaaa") } };
	uint32_t facts;

	query->reason = sieve_parse_query(&query->work);
	if (query->reason)
		return;
	facts = scope_fact(query) | name_fact(query) | stale_fact(query->status) | ramp_fact(query);
	query->reason = sieve_decide(&query->work.question, &policy, query->netns ? &state : NULL, facts);
	if (query->reason == SIEVE_REASON_NONE && strcmp(config_word(query->status, "action"), "observe") == 0)
		query->reason = SIEVE_REASON_observed;
	name_rule(query);
}

/* "answer", "drop", "reject" or "pass" */
static const char *verdict(const struct inquiry *query)
{
	return query->reason ? "pass" : config_word(query->status, "action");
}

/* The route on which the verdict stands: of the family that is asked for if it has one, else the other's. */
static const json_t *route(const struct inquiry *query)
{
	for (int other = 0; other < 2; other++) {
		const json_t *witness = json_object_get(family_of(query, other), "witness");

		if (json_is_object(witness))
			return witness;
	}
	return NULL;
}

/* What becomes of the addresses in a response: mode "listed" removes those without a route. NULL: none is looked at. */
static const json_t *coverage_of(const struct inquiry *query)
{
	return json_object_get(json_object_get(query->netns, "coverage"), strcmp(query->type, "A") == 0 ? "ipv4" : "ipv6");
}

static json_t *case_json(const struct inquiry *query)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:O?, s:O?}", "type", query->type, "verdict", verdict(query), "reason",
			 reason_name(query->reason), "text", reason_text(query->reason), "rule",
			 query->rule[0] ? query->rule : NULL, "route", route(query), "results", coverage_of(query));
}

static void print_case(const struct inquiry *query)
{
	const json_t *by = route(query);
	bool asks_ipv4 = strcmp(query->type, "A") == 0;

	if (query->reason)
		printf("%s %s passes: %s (%s)\n", query->name, query->type, reason_text(query->reason),
		       reason_name(query->reason));
	else
		printf("%s %s: %s, for there is no IPv%c %s but an IPv%c one\n", query->name, query->type, verdict(query),
		       asks_ipv4 ? '4' : '6', detects_addresses(query) ? "address" : "route", asks_ipv4 ? '6' : '4');
	if (by)
		printf("  route: %s%s%s dev %s, table %s\n", word_of(by, "dst"), word_of(by, "via")[0] ? " via " : "",
		       word_of(by, "via"), word_of(by, "dev"), word_of(by, "table"));
	if (query->rule[0])
		printf("  rule:  %s\n", query->rule);
	if (query->reason && strcmp(word_of(coverage_of(query), "mode"), "listed") == 0)
		printf("  responses: addresses outside %" JSON_INTEGER_FORMAT " listed prefix%s with a route are removed (results = covered)\n",
		       json_integer_value(json_object_get(coverage_of(query), "prefixes")),
		       json_integer_value(json_object_get(coverage_of(query), "prefixes")) == 1 ? "" : "es");
}

/* This namespace's entry, or NULL. */
static const json_t *find_netns(const json_t *status)
{
	struct stat own;
	const json_t *entry;
	size_t i;

	if (stat("/proc/self/ns/net", &own) < 0)
		return NULL;
	json_array_foreach(json_object_get(status, "netns"), i, entry)
		if ((ino_t)json_integer_value(json_object_get(entry, "inum")) == own.st_ino)
			return entry;
	return NULL;
}

static int explain_status(const struct options *options, const json_t *status, const json_t *names, const char *cgroup)
{
	static const char *const types[] = { "A", "AAAA" };
	json_t *queries = json_array();

	for (size_t i = 0; i < 2; i++) {
		struct inquiry query = {
			.name = options->argument, .type = types[i], .cgroup = cgroup, .status = status, .names = names,
			.netns = find_netns(status),
		};

		if (options->own_value && strcasecmp(options->own_value, types[i]) != 0)
			continue;
		query_make(options->argument, i == 0 ? SIEVE_TYPE_A : SIEVE_TYPE_AAAA, &query.work);
		decide(&query);
		if (options->json)
			json_array_append_new(queries, case_json(&query));
		else
			print_case(&query);
	}
	if (options->json)
		return print_json(json_pack("{s:b, s:s, s:s, s:o}", "running", 1, "name", options->argument, "cgroup",
					    cgroup, "queries", queries));
	json_decref(queries);
	printf("A packet may still pass: with DO=1, after NAT on lo%s.\n",
	       strcmp(config_word(status, "filter-servers"), "yes") == 0 ? "" :
									 ", or from a cgroup that holds a DNS server (filter-servers = no)");
	return EXIT_DONE;
}

/* Ask the controller. An exit status, or -1 and its answer in *ret_json. */
static int ask(const struct options *options, const char *question, json_t **ret_json)
{
	_cleanup_free_ char *answer = NULL;
	struct error error;

	if (instance_ask(options->config.run_dir, question, &answer, &error) < 0) {
		if (error.kind == ERROR_NOT_RUNNING && options->json)
			print_json(json_pack("{s:b, s:s, s:[]}", "running", 0, "name", options->argument, "queries"));
		else if (error.kind == ERROR_NOT_RUNNING)
			printf("%s passes: no controller runs\n", options->argument);
		return complain_error(&error);
	}
	*ret_json = json_loads(answer, 0, NULL);
	if (*ret_json)
		return -1;
	complain("the controller's answer is not JSON; is it of another version?");
	return EXIT_FAILED;
}

static int explain(const struct options *options, const char *cgroup)
{
	char question[WORD_MAX];
	json_t *status = NULL, *names = NULL;
	int r;

	snprintf(question, sizeof(question), "names %s", options->argument);
	r = ask(options, "status", &status);
	if (r < 0)
		r = ask(options, question, &names);
	if (r < 0)
		r = explain_status(options, status, names, cgroup);
	json_decref(names);
	json_decref(status);
	return r;
}

/* The arguments that need more than a look. -1 to go on, or an exit status. */
static int check(const struct options *options, char cgroup[WORD_MAX])
{
	struct sieve_work work;
	struct cgroup found;
	struct error error;

	if (options->own_value && strcasecmp(options->own_value, "A") != 0 && strcasecmp(options->own_value, "AAAA") != 0) {
		complain("--type takes A or AAAA, not \"%s\"; other types always pass", options->own_value);
		return EXIT_USAGE;
	}
	if (query_make(options->argument, SIEVE_TYPE_A, &work) < 0) {
		complain("\"%s\" is not a domain name", options->argument);
		return EXIT_USAGE;
	}
	if (!mounts_cgroup_of(getpid(), cgroup, WORD_MAX))
		cgroup[0] = '\0';
	if (options->config.cgroup_count == 0)
		return -1;
	if (mounts_find_cgroup(options->config.cgroups[0], &found, NULL, &error) < 0)
		return complain_error(&error);
	snprintf(cgroup, WORD_MAX, "%.*s", WORD_MAX - 1, found.path);
	return -1;
}

int command_explain(int argc, char **argv)
{
	static const char *const keys[] = { "run-dir", "cgroup", NULL };
	struct options options = {
		.command = "explain",
		.print_usage = print_usage,
		.keys = keys,
		.takes_json = true,
		.own = "type",
		.argument_name = "name",
	};
	char cgroup[WORD_MAX];
	int status;

	config_init(&options.config);
	status = options_parse(&options, argc, argv);
	if (status < 0)
		status = check(&options, cgroup);
	if (status < 0) {
		configuration_take_places(&options.config, options.run_dir_given, true);
		status = explain(&options, cgroup);
	}
	options_free(&options);
	return status;
}
