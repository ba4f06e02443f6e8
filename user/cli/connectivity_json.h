/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connectivity as JSON, the same wherever it is printed. References are the caller's; NULL: no memory. */
#ifndef STUBSIEVE_CONNECTIVITY_JSON_H
#define STUBSIEVE_CONNECTIVITY_JSON_H

#include <jansson.h>

#include "connectivity.h"

/* Room for "2001:db8::/32" and the like, or a table's number, with the final NUL. */
#define ROUTE_WORD_MAX 64

/* "default" or the prefix; "main" or the table's number; the router's address, "" if there is none. */
void route_format_destination(const struct route *route, char word[ROUTE_WORD_MAX]);
void route_format_table(const struct route *route, char word[ROUTE_WORD_MAX]);
void route_format_via(const struct route *route, char word[ROUTE_WORD_MAX]);

/* The whole route in one line: "default via 192.0.2.1 dev eth0, table main". */
#define ROUTE_LINE_MAX 256
void route_format_line(const struct route *route, char line[ROUTE_LINE_MAX]);

/*
 * A string for JSON, which is UTF-8, of a name that need not be (interfaces, cgroups): what is not UTF-8 becomes
 * question marks; so does every control character (text_clean()), for others' names are shown on terminals.
 */
json_t *json_text(const char *text);

/* "answer" or "pass": what happens to a query for a family of that connectivity. */
const char *connectivity_verdict(enum sieve_connectivity connectivity);

/* {"route": BOOL, "address": BOOL, "default": BOOL} */
json_t *connectivity_json_family(const struct connectivity_family *family);

/* {"dst", "via", "dev", "table"}; null for a NULL route. "via" is null where there is no router, "dev" for a NULL name. */
json_t *connectivity_json_witness(const struct route *route, const char *device);

/*
 * connectivity_json_family() with a "witness" and "ignored", the device that is kept from counting or null.
 * Devices are named as the calling thread's namespace does.
 */
json_t *connectivity_json_witnessed(const struct connectivity_family *family);

#endif
