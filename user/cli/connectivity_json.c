/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "connectivity_json.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"

static int address_family(unsigned int family)
{
	return family == SIEVE_IPV4 ? AF_INET : AF_INET6;
}

void route_format_destination(const struct route *route, char word[ROUTE_WORD_MAX])
{
	const struct prefix *destination = &route->destination;
	char address[INET6_ADDRSTRLEN];

	if (route_is_default(route)) {
		snprintf(word, ROUTE_WORD_MAX, "default");
		return;
	}
	inet_ntop(address_family(destination->family), destination->address, address, sizeof(address));
	snprintf(word, ROUTE_WORD_MAX, "%s/%u", address, destination->length);
}

void route_format_table(const struct route *route, char word[ROUTE_WORD_MAX])
{
	switch (route->table) {
	case RT_TABLE_LOCAL:
		snprintf(word, ROUTE_WORD_MAX, "local");
		break;
	case RT_TABLE_MAIN:
		snprintf(word, ROUTE_WORD_MAX, "main");
		break;
	case RT_TABLE_DEFAULT:
		snprintf(word, ROUTE_WORD_MAX, "default");
		break;
	default:
		snprintf(word, ROUTE_WORD_MAX, "%u", route->table);
	}
}

void route_format_via(const struct route *route, char word[ROUTE_WORD_MAX])
{
	word[0] = '\0';
	if (route->has_via)
		inet_ntop(address_family(route->via_family), route->via, word, ROUTE_WORD_MAX);
}

json_t *json_text(const char *text)
{
	char *clean = strdup(text);
	json_t *string = NULL;

	if (clean) {
		text_clean(clean);
		string = json_string(clean);
	}
	free(clean);
	return string;
}

json_t *connectivity_json_family(const struct connectivity_family *family)
{
	return json_pack("{s:b, s:b, s:b}", "route", family->route, "address", family->address, "default",
			 family->is_default);
}

json_t *connectivity_json_witness(const struct route *route, const char *device)
{
	char destination[ROUTE_WORD_MAX], via[ROUTE_WORD_MAX], table[ROUTE_WORD_MAX];

	if (!route)
		return json_null();
	route_format_destination(route, destination);
	route_format_via(route, via);
	route_format_table(route, table);
	return json_pack("{s:s, s:s?, s:o, s:s}", "dst", destination, "via", via[0] ? via : NULL, "dev",
			 device ? json_text(device) : json_null(), "table", table);
}

/* NULL if it is 0, no device, or that of one that is gone. */
static const char *device_name(uint32_t ifindex, char name[IF_NAMESIZE])
{
	if (!ifindex || !if_indextoname(ifindex, name))
		return NULL;
	text_clean(name);
	return name;
}

void route_format_line(const struct route *route, char line[ROUTE_LINE_MAX])
{
	char destination[ROUTE_WORD_MAX], via[ROUTE_WORD_MAX], table[ROUTE_WORD_MAX], name[IF_NAMESIZE];
	const char *device = device_name(route->ifindex, name);

	route_format_destination(route, destination);
	route_format_via(route, via);
	route_format_table(route, table);
	snprintf(line, ROUTE_LINE_MAX, "%s%s%s%s%s, table %s", destination, via[0] ? " via " : "", via,
		 device ? " dev " : "", device ? device : "", table);
}

const char *connectivity_verdict(enum sieve_connectivity connectivity)
{
	return connectivity == SIEVE_USELESS ? "answer" : "pass";
}

json_t *connectivity_json_witnessed(const struct connectivity_family *family)
{
	char witness_name[IF_NAMESIZE], ignored_name[IF_NAMESIZE];
	const struct route *witness = family->has_witness ? &family->witness : NULL;
	const char *device = witness ? device_name(witness->ifindex, witness_name) : NULL;
	const char *ignored = device_name(family->ignored_ifindex, ignored_name);
	json_t *object = connectivity_json_family(family);

	if (object && json_object_set_new(object, "witness", connectivity_json_witness(witness, device)) == 0 &&
	    json_object_set_new(object, "ignored", ignored ? json_text(ignored) : json_null()) == 0)
		return object;
	json_decref(object);
	return NULL;
}
