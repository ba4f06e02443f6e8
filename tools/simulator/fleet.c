/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fleet [OPTION N]... STUBSIEVE DIRECTORY CGROUP: what the simulator is held against. So many network namespaces, each
 * with a controller, maps and a machine id of its own, are asked at a steady rate for names that the filter answers.
 * Then some get `stop --ramp`, and all other controllers are killed in one moment; what gets through to a server in
 * each namespace is compared with what model.h says of the same hosts, names and times.
 *
 * DIRECTORY/bpf is a bpffs; below CGROUP are made control and one for each host. Run it in a mount namespace and cgroup
 * that somebody else removes. It prints a line of NAME=NUMBER for each of the two groups of hosts:
 *
 *   hosts queries passed      of the time after the kill, or after the controller was told of the ramp
 *   early                     passed before that, or before any host can have let go
 *   late                      did not pass though every host must have let go
 *   unlike of                 queries that the model, fed with the stamps in the maps, foretells wrongly; of so many
 *   distance_stamps           the largest distance of the shares of passed queries over time (Kolmogorov-Smirnov), in
 *                             thousandths, from those of the model with these stamps,
 *   distance_model            with beats as the simulator draws them,
 *   distance_at_once          without a spread or ramp
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fleet_host.h"
#include "model.h"

#define NAMES 200
#define BIN_NS (MODEL_SECOND / 10)
#define BINS 1200
#define QUIET_NS MODEL_SECOND /* before the event */

static unsigned int host_count = 20, ramp_count = 5, rate = 10;
static double after = 1, spread = 6, ramp = 5;
static const char *csv_path;

/* One query, and what became of it. */
struct query {
	uint64_t before_ns, behind_ns; /* the time around the sending */
	unsigned int host, name;
	bool passed;
};

static struct fleet_host *hosts;
static struct query *queries;
static size_t query_count, query_room;
static uint64_t keys[NAMES], event_ns;

static uint64_t ns(double seconds)
{
	return (uint64_t)(seconds * (double)MODEL_SECOND);
}

static bool is_ramped(unsigned int host)
{
	return host < ramp_count;
}

static void sleep_until(uint64_t then)
{
	uint64_t now = clock_monotonic_ns();
	struct timespec pause;

	if (then <= now)
		return;
	pause = (struct timespec){ .tv_sec = (time_t)((then - now) / MODEL_SECOND),
				   .tv_nsec = (long)((then - now) % MODEL_SECOND) };
	nanosleep(&pause, NULL);
}

/* The queries' numbers within their host are their IDs. */
static void take_arrivals(unsigned int host)
{
	int id;

	while ((id = fleet_host_receive(&hosts[host])) >= 0) {
		size_t index = (size_t)id * host_count + host;

		if (index < query_count)
			queries[index].passed = true;
	}
}

/* All hosts in turn, at a steady rate. */
static void ask_until(uint64_t end_ns, unsigned short randomness[3])
{
	static struct sieve_work work;
	uint64_t gap = MODEL_SECOND / (host_count * rate), due = clock_monotonic_ns();

	while (due < end_ns && query_count < query_room) {
		struct query *query = &queries[query_count];

		query->host = (unsigned int)(query_count % host_count);
		query->name = (unsigned int)(erand48(randomness) * NAMES);
		model_query(query->name, &work);
		work.message[0] = (__u8)(query_count / host_count >> 8);
		work.message[1] = (__u8)(query_count / host_count);
		sleep_until(due);
		query->before_ns = clock_monotonic_ns();
		if (send(hosts[query->host].client, work.message, work.length, 0) < 0)
			fleet_die("send");
		query->behind_ns = clock_monotonic_ns();
		query_count++;
		take_arrivals(query->host);
		due += gap;
	}
	for (unsigned int i = 0; i < host_count; i++)
		take_arrivals(i);
}

/* Commands that wait at a gate. */
static int prepare_stops(void)
{
	char seconds[32];
	int gate[2];

	if (pipe2(gate, O_CLOEXEC) < 0)
		fleet_die("pipe2");
	snprintf(seconds, sizeof(seconds), "%g", ramp);
	for (unsigned int i = 0; i < ramp_count; i++)
		fleet_host_stop(&hosts[i], seconds, gate);
	close(gate[0]);
	return gate[1];
}

/* As close together as can be. */
static void release(int gate)
{
	event_ns = clock_monotonic_ns();
	for (unsigned int i = 0; i < host_count; i++)
		if (!is_ramped(i))
			kill(hosts[i].controller, SIGKILL);
	close(gate);
}

/* From when on it counts: the moment of the kill; that in which the controller was told of a ramp. */
static uint64_t origin_ns(unsigned int host)
{
	uint64_t start_ns = is_ramped(host) ? fleet_host_heartbeat(&hosts[host]).ramp_start_ns : 0;

	return start_ns ? start_ns : event_ns;
}

/* --- what the model says --- */

enum source { BY_STAMPS, BY_MODEL, AT_ONCE, SOURCES };

/* `phase`: when the controller beat last, as in simulate.c. */
static struct model_host foretell(unsigned int number, enum source source, double phase)
{
	uint64_t after_ns = ns(after), spread_ns = source == AT_ONCE ? 0 : ns(spread);
	struct model_host host = model_host(hosts[number].id, hosts[number].id_length, after_ns, spread_ns);

	if (source == BY_STAMPS) {
		host.last = fleet_host_heartbeat(&hosts[number]);
		if (is_ramped(number)) /* its controller beats on, and at the end it goes */
			host.last.stamp_ns = MODEL_ALWAYS;
	} else if (is_ramped(number)) {
		host.last.ramp_start_ns = origin_ns(number);
		host.last.ramp_ns = source == AT_ONCE ? 1 : ns(ramp);
	} else {
		host.last.stamp_ns = event_ns - (uint64_t)(phase * (double)beat_interval_ns(after_ns));
	}
	return host;
}

/* How many queries of a tenth of a second pass. */
struct curve {
	double passed[BINS];
	double sum;
};

static void add(struct curve *curve, uint64_t since_ns)
{
	size_t bin = since_ns / BIN_NS;

	curve->passed[bin < BINS ? bin : BINS - 1]++;
	curve->sum++;
}

static double distance(const struct curve *one, const struct curve *other)
{
	double worst = 0, a = 0, b = 0;

	if (one->sum == 0 || other->sum == 0)
		return 1;
	for (size_t i = 0; i < BINS; i++) {
		a += one->passed[i] / one->sum;
		b += other->passed[i] / other->sum;
		worst = fmax(worst, fabs(a - b));
	}
	return worst;
}

struct group {
	bool ramped;
	unsigned int hosts, sent, early, late, unlike, certain;
	struct curve real, sent_at, foretold[SOURCES];
};

/* Since the origin: when no host of the group can have let go yet, and when every one has. */
static void bounds(const struct group *group, uint64_t *ret_first, uint64_t *ret_last)
{
	*ret_first = group->ramped ? 0 : ns(after) - beat_interval_ns(ns(after));
	*ret_last = (group->ramped ? ns(ramp) : ns(after) + ns(spread)) + MODEL_SECOND / 2;
}

static void weigh(struct group *group, const struct query *query, uint64_t origin,
		  const struct model_host models[SOURCES])
{
	uint64_t key = keys[query->name], first, last, since = query->before_ns - origin;
	bool before = model_passes(&models[BY_STAMPS], key, query->before_ns);

	bounds(group, &first, &last);
	group->early += query->passed && query->behind_ns < origin + first;
	if (query->before_ns < origin)
		return;
	group->sent++;
	add(&group->sent_at, since);
	group->late += !query->passed && since > last;
	if (query->passed)
		add(&group->real, since);
	for (enum source source = 0; source < SOURCES; source++)
		if (model_passes(&models[source], key, query->before_ns))
			add(&group->foretold[source], since);
	if (before != model_passes(&models[BY_STAMPS], key, query->behind_ns))
		return; /* it became so while the query was being sent */
	group->certain++;
	group->unlike += before != query->passed;
}

static void compare(struct group *group, struct model_host (*models)[SOURCES])
{
	for (unsigned int i = 0; i < host_count; i++)
		group->hosts += is_ramped(i) == group->ramped;
	for (size_t i = 0; i < query_count; i++)
		if (is_ramped(queries[i].host) == group->ramped)
			weigh(group, &queries[i], origin_ns(queries[i].host), models[queries[i].host]);
	printf("%s hosts=%u queries=%u passed=%.0f early=%u late=%u unlike=%u of=%u",
	       group->ramped ? "ramped" : "killed", group->hosts, group->sent, group->real.sum, group->early, group->late,
	       group->unlike, group->certain);
	printf(" distance_stamps=%.0f distance_model=%.0f distance_at_once=%.0f\n",
	       1000 * distance(&group->real, &group->foretold[BY_STAMPS]),
	       1000 * distance(&group->real, &group->foretold[BY_MODEL]),
	       1000 * distance(&group->real, &group->foretold[AT_ONCE]));
}

static void write_csv(const struct group groups[2])
{
	FILE *file = fopen(csv_path, "we");

	if (!file)
		fleet_die(csv_path);
	fputs("seconds,killed,killed (simulator),ramped,ramped (simulator)\n", file);
	for (size_t i = 0; i < BINS; i++) {
		const struct curve *a = &groups[0].sent_at, *b = &groups[1].sent_at;

		if (a->passed[i] == 0 && b->passed[i] == 0)
			continue;
		fprintf(file, "%.1f", (double)i / 10);
		for (size_t group = 0; group < 2; group++) {
			double sent = groups[group].sent_at.passed[i];

			if (sent > 0)
				fprintf(file, ",%.3f,%.3f", groups[group].real.passed[i] / sent,
					groups[group].foretold[BY_MODEL].passed[i] / sent);
			else
				fputs(",,", file);
		}
		fputc('\n', file);
	}
	if (fclose(file) != 0)
		fleet_die(csv_path);
}

static void compare_all(unsigned short randomness[3])
{
	static struct group groups[2] = { { .ramped = false }, { .ramped = true } };
	struct model_host (*models)[SOURCES] = calloc(host_count, sizeof(*models));

	if (!models)
		fleet_die("calloc");
	for (unsigned int i = 0; i < host_count; i++) {
		double phase = erand48(randomness);

		for (enum source source = 0; source < SOURCES; source++)
			models[i][source] = foretell(i, source, phase);
	}
	compare(&groups[0], models);
	compare(&groups[1], models);
	if (csv_path)
		write_csv(groups);
	free(models);
}

static void set_up(const char *stubsieve, const char *directory, const char *cgroup)
{
	const struct rlimit files = { .rlim_cur = 65536, .rlim_max = 65536 };

	setrlimit(RLIMIT_NOFILE, &files);
	hosts = calloc(host_count, sizeof(*hosts));
	query_room = (size_t)(host_count * rate * (after + spread + ramp + 5));
	queries = calloc(query_room, sizeof(*queries));
	if (!hosts || !queries)
		fleet_die("calloc");
	for (unsigned int i = 0; i < NAMES; i++)
		keys[i] = model_name_key(i);
	for (unsigned int i = 0; i < host_count; i++)
		fleet_host_start(&hosts[i], i, after, spread, stubsieve, directory, cgroup);
	for (unsigned int i = 0; i < host_count; i++)
		fleet_host_open_heartbeat(&hosts[i]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "hosts", required_argument, NULL, 'n' },  { "ramped", required_argument, NULL, 'm' },
		{ "rate", required_argument, NULL, 'q' },   { "after", required_argument, NULL, 'a' },
		{ "spread", required_argument, NULL, 's' }, { "ramp", required_argument, NULL, 'r' },
		{ "csv", required_argument, NULL, 'c' },    {},
	};
	unsigned short randomness[3] = { 1, 2, 3 };
	int option, gate;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		double value = optarg ? atof(optarg) : 0;

		switch (option) {
		case 'n': host_count = (unsigned int)value; break;
		case 'm': ramp_count = (unsigned int)value; break;
		case 'q': rate = (unsigned int)value; break;
		case 'a': after = value; break;
		case 's': spread = value; break;
		case 'r': ramp = value; break;
		case 'c': csv_path = optarg; break;
		default: return 2;
		}
	}
	if (argc - optind != 3 || ramp_count >= host_count)
		return 2;
	set_up(argv[optind], argv[optind + 1], argv[optind + 2]);
	gate = prepare_stops();
	ask_until(clock_monotonic_ns() + QUIET_NS, randomness);
	release(gate);
	ask_until(event_ns + ns(fmax(after + spread, ramp)) + MODEL_SECOND, randomness);
	for (unsigned int i = 0; i < ramp_count; i++)
		fleet_host_await_stop(&hosts[i]);
	compare_all(randomness);
	return 0;
}
