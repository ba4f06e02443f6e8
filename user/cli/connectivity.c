/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve connectivity: what this network namespace has, and what follows for queries. */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "connectivity.h"
#include "connectivity_json.h"
#include "rtnl.h"

/* Surveys that the kernel interrupts (its tables change meanwhile) before giving up. */
#define ATTEMPTS 20

struct request {
	struct connectivity_policy policy;
	bool json;
	bool help;
};

static const char usage[] =
	"usage: stubsieve connectivity [--json] [--detect routes|addresses] [--nat64 auto|yes|no]\n"
	"\n"
	"Tell what the network namespace it runs in has of IPv4 and IPv6, by which route, and which queries\n"
	"would be answered. Needs no privilege and no running controller.\n"
	"\n"
	"  --json                     print JSON\n"
	"  --detect routes|addresses  what stands for connectivity (default: routes)\n"
	"  --nat64 auto|yes|no        whether the network does NAT64 without DNS64 (default: auto,\n"
	"                             possible where an IPv6 route comes from a router advertisement)\n";

/* A short option may be one of several in a word; for a long one getopt leaves optopt 0. */
static void complain_unknown(char **argv)
{
	if (optopt)
		complain("unknown option -%c; see stubsieve connectivity --help", optopt);
	else
		complain("unknown option %s; see stubsieve connectivity --help", argv[optind - 1]);
}

static int parse(int argc, char **argv, struct request *ret_request)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },           { "detect", required_argument, NULL, 'd' },
		{ "nat64", required_argument, NULL, 'n' },    { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct request request = {};
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			request.json = true;
			break;
		case 'h':
			request.help = true;
			break;
		case 'd':
			if (connectivity_detect_parse(optarg, &request.policy.detect) == 0)
				break;
			complain("--detect takes routes or addresses, not \"%s\"", optarg);
			return -EINVAL;
		case 'n':
			if (connectivity_nat64_parse(optarg, &request.policy.nat64) == 0)
				break;
			complain("--nat64 takes auto, yes or no, not \"%s\"", optarg);
			return -EINVAL;
		case ':':
			complain("%s wants a value; see stubsieve connectivity --help", argv[optind - 1]);
			return -EINVAL;
		default:
			complain_unknown(argv);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		complain("connectivity takes no argument \"%s\"", argv[optind]);
		return -EINVAL;
	}
	*ret_request = request;
	return 0;
}

static int survey(const struct connectivity_policy *policy, struct connectivity *ret_connectivity)
{
	const struct rtnl_request request = { .policy = *policy, .detail = true };
	int r = -EINTR;

	for (int attempt = 0; r == -EINTR && attempt < ATTEMPTS; attempt++)
		r = rtnl_survey(&request, ret_connectivity);
	return r;
}

static const char *verdict(enum sieve_connectivity decision)
{
	return decision == SIEVE_USELESS ? "answer" : "pass";
}

/* NULL if the route names no device, or one that is gone. */
static const char *device_name(const struct route *route, char name[IF_NAMESIZE])
{
	return route->ifindex ? if_indextoname(route->ifindex, name) : NULL;
}

static json_t *family_json(const struct connectivity_family *family)
{
	char name[IF_NAMESIZE];
	const struct route *witness = family->has_witness ? &family->witness : NULL;
	json_t *object = connectivity_json_family(family);

	if (object && json_object_set_new(object, "witness",
					  connectivity_json_witness(witness, witness ? device_name(witness, name)
										     : NULL)) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int print_json(ino_t netns, const struct connectivity *connectivity, const struct connectivity_policy *policy,
		      const enum sieve_connectivity decision[SIEVE_FAMILIES])
{
	json_t *object;
	int r;

	/* Only a controller remembers how long something has been missing; this command has just come. */
	object = json_pack("{s:I, s:o, s:o, s:b, s:s, s:{s:s, s:s}}", "netns", (json_int_t)netns, "ipv4",
			   family_json(&connectivity->family[SIEVE_IPV4]), "ipv6",
			   family_json(&connectivity->family[SIEVE_IPV6]), "settling", 0, "nat64",
			   connectivity_nat64_name(policy->nat64), "verdict", "a", verdict(decision[SIEVE_IPV4]),
			   "aaaa", verdict(decision[SIEVE_IPV6]));
	if (!object)
		return -ENOMEM;
	r = json_dumpf(object, stdout, JSON_INDENT(2));
	json_decref(object);
	return r < 0 || putchar('\n') == EOF ? -EIO : 0;
}

static void print_family(const char *title, const struct connectivity_family *family)
{
	char destination[ROUTE_WORD_MAX], via[ROUTE_WORD_MAX], table[ROUTE_WORD_MAX], name[IF_NAMESIZE];
	const char *device;

	printf("%s:  %s, %s\n", title,
	       family->is_default ? "routes that cover everything" :
	       family->route      ? "routes to some places" :
				    "no route",
	       family->address ? "an address" : "no address");
	if (!family->has_witness)
		return;
	route_format_destination(&family->witness, destination);
	route_format_via(&family->witness, via);
	route_format_table(&family->witness, table);
	device = device_name(&family->witness, name);
	printf("       by the route %s%s%s%s%s, table %s\n", destination, via[0] ? " via " : "", via,
	       device ? " dev " : "", device ? device : "", table);
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

static void print_text(const struct connectivity *connectivity, const enum sieve_connectivity decision[SIEVE_FAMILIES])
{
	print_family("IPv4", &connectivity->family[SIEVE_IPV4]);
	print_family("IPv6", &connectivity->family[SIEVE_IPV6]);
	printf("A:     %s\n", explanation(SIEVE_IPV4, decision[SIEVE_IPV4]));
	printf("AAAA:  %s\n", explanation(SIEVE_IPV6, decision[SIEVE_IPV6]));
}

static int show(const struct request *request)
{
	enum sieve_connectivity decision[SIEVE_FAMILIES];
	struct connectivity connectivity;
	struct stat netns;
	int r;

	if (stat("/proc/thread-self/ns/net", &netns) < 0) {
		complain("cannot tell the network namespace: /proc/thread-self/ns/net: %s", strerror(errno));
		return EXIT_FAILED;
	}
	r = survey(&request->policy, &connectivity);
	if (r < 0) {
		complain("cannot read this network namespace's routes and addresses: %s", strerror(-r));
		return EXIT_FAILED;
	}
	connectivity_decide(&connectivity, &request->policy, decision);
	if (request->json)
		r = print_json(netns.st_ino, &connectivity, &request->policy, decision);
	else
		print_text(&connectivity, decision);
	if (r == 0 && fflush(stdout) == EOF)
		r = -errno;
	if (r < 0) {
		complain("cannot print: %s", strerror(-r));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

int command_connectivity(int argc, char **argv)
{
	struct request request;

	if (parse(argc, argv, &request) < 0)
		return EXIT_USAGE;
	if (request.help) {
		fputs(usage, stdout);
		return EXIT_DONE;
	}
	return show(&request);
}
