/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * simulate [--hosts N] [--csv FILE]: the load on the resolvers of a fleet when it loses its filters, relative to the
 * load with the filter in place. Prints tables in Markdown; FILE gets the load factor of every second.
 *
 * The model: each host looks up one name a second (Poisson), by Zipf's law one of a thousand, always A and AAAA; AAAA is
 * useless. The filter answers that, or lets it pass as model.h says. One half of the results is for hosts without a
 * cache, the other for hosts with one that keeps every answer of the resolvers for five minutes (the filter's are kept
 * by nobody). The same lookups meet every scenario; the random numbers are those of erand48(3) from one seed.
 */
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "model.h"

#define NAMES 1000
#define LOOKUPS_PER_SECOND 1.0
#define TTL_SECONDS 300
#define WARM_SECONDS 650 /* before the event: the caches fill */
#define CALM_SECONDS 10  /* the last of these are the load with the filter in place */
#define SECONDS 620      /* after the event */
#define BIN_NS (MODEL_SECOND / 10)
#define BINS_PER_SECOND 10
#define BINS ((CALM_SECONDS + SECONDS) * BINS_PER_SECOND)
#define EVENT_NS (1000 * MODEL_SECOND)
#define START_NS (EVENT_NS - WARM_SECONDS * MODEL_SECOND)
#define END_NS (EVENT_NS + SECONDS * MODEL_SECOND)

/* Resolvers that can do so many times the load with the filter; what they drop is asked again after 5 s, twice. */
#define CAPACITY 2.5
#define RETRY_BINS (5 * BINS_PER_SECOND)
#define ATTEMPTS 3

enum kind { DIES, STOPS, RAMPS, STAGES };

static const struct scenario {
	const char *title;
	enum kind kind;
	uint64_t seconds; /* of the spread, of the ramp, between two stages */
	bool one_seed;    /* as if hosts had no order of their own */
} scenarios[] = {
	{ "all controllers die, fail-open-spread 0", DIES, 0, false },
	{ "all controllers die, fail-open-spread 60 (default)", DIES, 60, false },
	{ "all controllers die, fail-open-spread 300", DIES, 300, false },
	{ "stop everywhere in one second", STOPS, 0, false },
	{ "stop --ramp 60 everywhere", RAMPS, 60, false },
	{ "stop --ramp 300 everywhere", RAMPS, 300, false },
	{ "stop --ramp 60, were the order of names the same everywhere", RAMPS, 60, true },
	{ "percent 75, 50, 25, 0, one a minute", STAGES, 60, false },
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

enum caching { UNCACHED, CACHED, CACHINGS };

static unsigned short randomness[3] = { 0x5eed, 0x57ab, 0x51e7 };
static uint64_t keys[NAMES];
static double cumulative[NAMES];
static uint32_t arrivals[CACHINGS][SCENARIOS][BINS];

/* Of one host: until when its cache has an answer. */
static uint64_t cached_a[NAMES], cached_aaaa[SCENARIOS][NAMES];

static void prepare_names(void)
{
	double sum = 0;

	for (unsigned int i = 0; i < NAMES; i++) {
		keys[i] = model_name_key(i);
		cumulative[i] = sum += 1.0 / (i + 1);
	}
	for (unsigned int i = 0; i < NAMES; i++)
		cumulative[i] /= sum;
}

static unsigned int draw_name(void)
{
	double at = erand48(randomness);
	unsigned int low = 0, high = NAMES - 1;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (cumulative[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* When this host is one of those that act no more. */
static uint64_t stage_of(const char *id, size_t length, uint64_t seconds)
{
	unsigned int stage = 0;

	while (config_is_among(id, length, 75 - 25 * stage))
		stage++;
	return EVENT_NS + stage * seconds * MODEL_SECOND;
}

/* `phase`: how long before the event its controller beat the last time, as a share of the time between two beats. */
static struct model_host make_host(const struct scenario *scenario, unsigned int number, double phase,
				   uint64_t *ret_stop_ns)
{
	const uint64_t after_ns = 30 * MODEL_SECOND;
	uint64_t spread_ns = scenario->kind == DIES ? scenario->seconds * MODEL_SECOND : 0;
	char id[64];
	size_t length = model_id(number, id);
	struct model_host host = model_host(id, length, after_ns, spread_ns);

	*ret_stop_ns = UINT64_MAX;
	switch (scenario->kind) {
	case DIES:
		host.last.stamp_ns = EVENT_NS - (uint64_t)(phase * (double)beat_interval_ns(after_ns));
		break;
	case STOPS:
		*ret_stop_ns = EVENT_NS;
		break;
	case RAMPS:
		host.last.ramp_start_ns = EVENT_NS;
		host.last.ramp_ns = scenario->seconds * MODEL_SECOND;
		host.seed = scenario->one_seed ? 1 : host.seed;
		break;
	case STAGES:
		*ret_stop_ns = stage_of(id, length, scenario->seconds);
	}
	return host;
}

static void count(enum caching caching, size_t scenario, uint64_t now)
{
	const uint64_t from = EVENT_NS - CALM_SECONDS * MODEL_SECOND;

	if (now >= from && now < END_NS)
		arrivals[caching][scenario][(now - from) / BIN_NS]++;
}

/* What of one lookup comes to the resolvers. */
static void look_up(const struct model_host hosts[SCENARIOS], const uint64_t stops[SCENARIOS], unsigned int name,
		    uint64_t now)
{
	bool has_a = cached_a[name] > now;

	if (!has_a)
		cached_a[name] = now + TTL_SECONDS * MODEL_SECOND;
	for (size_t i = 0; i < SCENARIOS; i++) {
		count(UNCACHED, i, now);
		if (!has_a)
			count(CACHED, i, now);
		if (now < stops[i] && !model_passes(&hosts[i], keys[name], now))
			continue;
		count(UNCACHED, i, now);
		if (cached_aaaa[i][name] > now)
			continue;
		cached_aaaa[i][name] = now + TTL_SECONDS * MODEL_SECOND;
		count(CACHED, i, now);
	}
}

static void simulate_host(unsigned int number)
{
	struct model_host hosts[SCENARIOS];
	uint64_t stops[SCENARIOS], now = START_NS;
	double phase = erand48(randomness);

	memset(cached_a, 0, sizeof(cached_a));
	memset(cached_aaaa, 0, sizeof(cached_aaaa));
	for (size_t i = 0; i < SCENARIOS; i++)
		hosts[i] = make_host(&scenarios[i], number, phase, &stops[i]);
	for (;;) {
		now += (uint64_t)(-log(1 - erand48(randomness)) / LOOKUPS_PER_SECOND * (double)MODEL_SECOND);
		if (now >= END_NS)
			return;
		look_up(hosts, stops, draw_name(), now);
	}
}

/* --- what came of it --- */

/* Arrivals in a bin with the filter in place; before the event all scenarios are alike. */
static double usual(enum caching caching)
{
	double sum = 0;

	for (size_t i = 0; i < CALM_SECONDS * BINS_PER_SECOND; i++)
		sum += arrivals[caching][0][i];
	return sum / (CALM_SECONDS * BINS_PER_SECOND);
}

/* The mean load factor of so many bins. */
static double factor(enum caching caching, size_t scenario, size_t bin, size_t bins)
{
	double sum = 0;

	for (size_t i = 0; i < bins; i++)
		sum += arrivals[caching][scenario][bin + i];
	return sum / (double)bins / usual(caching);
}

/* The highest of any tenth of a second. */
static double peak(enum caching caching, size_t scenario, size_t from, size_t bins)
{
	double most = 0;

	for (size_t i = from; i < from + bins && i < BINS; i++)
		most = fmax(most, factor(caching, scenario, i, 1));
	return most;
}

/* The largest rise from one second to the next. */
static double steepest(enum caching caching, size_t scenario)
{
	double most = 0;

	for (size_t i = 0; i + 2 * BINS_PER_SECOND <= BINS; i++)
		most = fmax(most, factor(caching, scenario, i + BINS_PER_SECOND, BINS_PER_SECOND) -
					  factor(caching, scenario, i, BINS_PER_SECOND));
	return most;
}

/* The first bin in which some host lets go of some name. */
static size_t beginning(size_t scenario)
{
	const struct scenario *it = &scenarios[scenario];
	size_t calm = CALM_SECONDS * BINS_PER_SECOND;

	return it->kind == DIES ? calm + 30 * BINS_PER_SECOND - BINS_PER_SECOND : calm;
}

/* The largest share of queries that resolvers of that capacity drop in a tenth of a second, with those asked again. */
static double dropped(enum caching caching, size_t scenario)
{
	static double waiting[ATTEMPTS][BINS + RETRY_BINS];
	double worst = 0, room = CAPACITY * usual(caching);

	memset(waiting, 0, sizeof(waiting));
	for (size_t i = 0; i < BINS; i++) {
		double offered = arrivals[caching][scenario][i], share;

		for (size_t attempt = 1; attempt < ATTEMPTS; attempt++)
			offered += waiting[attempt][i];
		waiting[0][i] = arrivals[caching][scenario][i];
		share = offered > room ? 1 - room / offered : 0;
		for (size_t attempt = 1; attempt < ATTEMPTS; attempt++)
			waiting[attempt][i + RETRY_BINS] = share * waiting[attempt - 1][i];
		worst = fmax(worst, share);
	}
	return worst;
}

static void print_table(enum caching caching)
{
	printf("| | peak, first 1 s | peak, first 10 s | highest | steepest rise in 1 s | dropped |\n"
	       "|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < SCENARIOS; i++) {
		size_t from = beginning(i);

		printf("| %s | %.2f | %.2f | %.2f | +%.2f | %.0f %% |\n", scenarios[i].title,
		       peak(caching, i, from, BINS_PER_SECOND), peak(caching, i, from, 10 * BINS_PER_SECOND),
		       peak(caching, i, 0, BINS), steepest(caching, i), 100 * dropped(caching, i));
	}
}

static void print_tables(unsigned int hosts)
{
	printf("### %u hosts without a cache\n\n%.0f queries/s with the filter in place.\n\n", hosts,
	       usual(UNCACHED) * BINS_PER_SECOND);
	print_table(UNCACHED);
	printf("\n### %u hosts whose caches answer %.0f %% of the queries for A\n\n", hosts,
	       100 * (1 - usual(CACHED) / usual(UNCACHED)));
	printf("%.0f queries/s with the filter in place.\n\n", usual(CACHED) * BINS_PER_SECOND);
	print_table(CACHED);
}

static int write_csv(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -1;
	fputs("seconds", file);
	for (enum caching caching = 0; caching < CACHINGS; caching++)
		for (size_t i = 0; i < SCENARIOS; i++)
			fprintf(file, ",\"%s%s\"", scenarios[i].title, caching == CACHED ? " (caches)" : "");
	fputc('\n', file);
	for (size_t second = 0; second < CALM_SECONDS + SECONDS; second++) {
		fprintf(file, "%d", (int)second - CALM_SECONDS);
		for (enum caching caching = 0; caching < CACHINGS; caching++)
			for (size_t i = 0; i < SCENARIOS; i++)
				fprintf(file, ",%.3f", factor(caching, i, second * BINS_PER_SECOND, BINS_PER_SECOND));
		fputc('\n', file);
	}
	return fclose(file);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "hosts", required_argument, NULL, 'n' }, { "csv", required_argument, NULL, 'c' }, {}
	};
	const char *csv = NULL;
	int hosts = 100000, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			hosts = atoi(optarg);
		else if (option == 'c')
			csv = optarg;
		else
			return 2;
	}
	prepare_names();
	for (int i = 0; i < hosts; i++)
		simulate_host((unsigned int)i);
	print_tables((unsigned int)hosts);
	if (csv && write_csv(csv) != 0) {
		perror(csv);
		return 1;
	}
	return 0;
}
