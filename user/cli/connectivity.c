/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve connectivity: what this network namespace has, and what follows for queries. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "connectivity.h"
#include "connectivity_json.h"
#include "options.h"
#include "rtnl.h"
#include "text.h"

/* Surveys that the kernel interrupts (its tables change meanwhile) before giving up. */
#define ATTEMPTS 20

static void print_usage(void)
{
	puts("usage: stubsieve connectivity [--json] [--detect routes|addresses] [--nat64 auto|yes|no]\n"
	     "                              [--ignore-interface NAME|GLOB]...\n"
	     "\n"
	     "Tell what the network namespace it runs in has of IPv4 and IPv6, by which route, and which queries\n"
	     "would be answered. Needs no privilege and no running controller.\n"
	     "\n"
	     "  --json                        print JSON\n"
	     "  --detect routes|addresses     what stands for connectivity (default: routes)\n"
	     "  --ignore-interface NAME|GLOB  whose routes and addresses do not count (may repeat)\n"
	     "  --nat64 auto|yes|no           whether the network does NAT64 without DNS64 (default: auto,\n"
	     "                                possible where an IPv6 route comes from a router advertisement)");
}

static int survey(const struct config *config, struct connectivity *ret_connectivity)
{
	const struct rtnl_request request = {
		.policy = config->connectivity,
		.ignored = config->ignored_interfaces,
		.ignored_count = config->ignored_interface_count,
		.detail = true,
	};
	int r = -EINTR;

	for (int attempt = 0; r == -EINTR && attempt < ATTEMPTS; attempt++)
		r = rtnl_survey(&request, ret_connectivity);
	return r;
}

static json_t *to_json(ino_t netns, const struct connectivity *connectivity, const struct connectivity_policy *policy,
		       const enum sieve_connectivity decision[SIEVE_FAMILIES])
{
	/* Only a controller remembers how long something has been missing; this command has just come. */
	return json_pack("{s:I, s:o, s:o, s:b, s:s, s:{s:s, s:s}}", "netns", (json_int_t)netns, "ipv4",
			 connectivity_json_witnessed(&connectivity->family[SIEVE_IPV4]), "ipv6",
			 connectivity_json_witnessed(&connectivity->family[SIEVE_IPV6]), "settling", 0, "nat64",
			 connectivity_nat64_name(policy->nat64), "verdict", "a",
			 connectivity_verdict(decision[SIEVE_IPV4]), "aaaa", connectivity_verdict(decision[SIEVE_IPV6]));
}

static void print_ignored(const struct connectivity_family *family, const struct config *config)
{
	bool is_route = config->connectivity.detect == CONNECTIVITY_DETECT_ROUTES;
	const char *pattern;
	char name[IF_NAMESIZE];

	if (!family->ignored_ifindex || !if_indextoname(family->ignored_ifindex, name))
		return;
	if (!config_matches_interface(config->ignored_interfaces, config->ignored_interface_count, name, &pattern))
		return;
	text_clean(name);
	printf("       ignored: %s %s (ignore-interface %s)\n", is_route ? "a route by" : "an address of", name, pattern);
}

static void print_family(const char *title, const struct connectivity_family *family, const struct config *config)
{
	char words[ROUTE_LINE_MAX];

	printf("%s:  %s, %s\n", title,
	       family->is_default ? "routes that cover everything" :
	       family->route      ? "routes to some places" :
				    "no route",
	       family->address ? "an address" : "no address");
	if (family->has_witness) {
		route_format_line(&family->witness, words);
		printf("       by the route %s\n", words);
	}
	print_ignored(family, config);
}

static const char *explanation(enum sieve_family family, enum sieve_connectivity decision)
{
	switch (decision) {
	case SIEVE_CONNECTED:
		return family == SIEVE_IPV4 ? "pass: IPv4 is there" : "pass: IPv6 is there";
	case SIEVE_OFFLINE:
		return "pass: neither family is there, and an offline host must not learn \"no such address\"";
	case SIEVE_NAT64:
		return "pass: the network may translate IPv4 (NAT64); --nat64 no rules it out";
	case SIEVE_USELESS:
		return family == SIEVE_IPV4 ? "answer: useless without IPv4" : "answer: useless without IPv6";
	default:
		return "pass";
	}
}

static void print_text(const struct connectivity *connectivity, const struct config *config,
		       const enum sieve_connectivity decision[SIEVE_FAMILIES])
{
	print_family("IPv4", &connectivity->family[SIEVE_IPV4], config);
	print_family("IPv6", &connectivity->family[SIEVE_IPV6], config);
	printf("A:     %s\n", explanation(SIEVE_IPV4, decision[SIEVE_IPV4]));
	printf("AAAA:  %s\n", explanation(SIEVE_IPV6, decision[SIEVE_IPV6]));
}

static int show(const struct options *options)
{
	const struct connectivity_policy *policy = &options->config.connectivity;
	enum sieve_connectivity decision[SIEVE_FAMILIES];
	struct connectivity connectivity;
	struct stat netns;
	int r;

	if (stat("/proc/thread-self/ns/net", &netns) < 0) {
		complain("cannot tell the network namespace: /proc/thread-self/ns/net: %s", strerror(errno));
		return EXIT_FAILED;
	}
	r = survey(&options->config, &connectivity);
	if (r < 0) {
		complain("cannot read this network namespace's routes and addresses: %s", strerror(-r));
		return EXIT_FAILED;
	}
	connectivity_decide(&connectivity, policy, decision);
	if (options->json)
		return print_json(to_json(netns.st_ino, &connectivity, policy, decision));
	print_text(&connectivity, &options->config, decision);
	return EXIT_DONE;
}

int command_connectivity(int argc, char **argv)
{
	static const char *const keys[] = { "detect", "ignore-interface", "nat64", NULL };
	struct options options = {
		.command = "connectivity",
		.print_usage = print_usage,
		.keys = keys,
		.takes_json = true,
	};
	int status;

	config_init(&options.config);
	status = options_parse(&options, argc, argv);
	if (status < 0)
		status = show(&options);
	options_free(&options);
	return status;
}
