/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "namespace.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "clock.h"
#include "netns.h"
#include "scope.h"

/* Many changes are silent; a survey of the verdict takes a fraction of a millisecond. */
#define SURVEY_EVERY_NS (30 * CLOCK_SECOND_NS)

/*
 * What a survey may take. One that takes longer, because there are hundreds of thousands of routes that do not
 * count, is given up: all queries of that namespace pass, and the others do not wait for it.
 */
#define SURVEY_BUDGET_NS (100 * CLOCK_MILLISECOND_NS)

/* In a namespace that any user can have made: so many interfaces, and so long for them before others have a turn. */
#define INTERFACES_MAX 1024
#define ATTACH_BUDGET_NS (20 * CLOCK_MILLISECOND_NS)
#define RECEIVE_BUFFER (512 * 1024)

/* In our own: room for 20,000 messages between two reads, with the 832 octets that the kernel charges for each. */
#define OWN_RECEIVE_BUFFER (8 * 1024 * 1024)

/* The least time between two complaints. */
#define TELL_EVERY_NS (10 * CLOCK_SECOND_NS)

/* Surveys of everything that the kernel interrupts before giving up. */
#define DETAIL_ATTEMPTS 20

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* 0 where the kernel has none. */
static uint64_t read_cookie(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
		return 0;
	return cookie;
}

static void publish(struct namespace *namespace, uint64_t now, bool always)
{
	enum sieve_connectivity connectivity[SIEVE_FAMILIES];
	struct sieve_netns state = namespace->published;

	settle_publish(&namespace->settle, now, connectivity);
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		state.connectivity[family] = (__u8)connectivity[family];
	if (namespace->coverage)
		coverage_fill(namespace->coverage, &state);
	if (!always && memcmp(&state, &namespace->published, sizeof(state)) == 0)
		return;
	if (programs_set_netns(namespace->programs, namespace->inum, &state) == 0)
		namespace->published = state;
}

static struct rtnl_request survey_request(const struct config *config)
{
	return (struct rtnl_request){
		.policy = config->connectivity,
		.ignored = config->ignored_interfaces,
		.ignored_count = config->ignored_interface_count,
		.budget_ns = SURVEY_BUDGET_NS,
	};
}

/* What the kernel has now, with the generations it had before (rule 0). */
static int look(struct namespace *namespace, uint32_t generation[SIEVE_FAMILIES], struct connectivity *ret_connectivity)
{
	const struct rtnl_request request = survey_request(namespace->config);
	uint32_t inum;
	int r;

	r = programs_generation(namespace->programs, &inum, generation);
	if (r < 0)
		return r;
	if (inum != namespace->inum)
		return -ESTALE;
	return rtnl_survey(&request, ret_connectivity);
}

static void take_survey(struct namespace *namespace, const struct connectivity *connectivity,
			const uint32_t generation[SIEVE_FAMILIES], uint64_t now)
{
	enum sieve_connectivity decided[SIEVE_FAMILIES];

	namespace->seen = *connectivity;
	connectivity_decide(connectivity, &namespace->config->connectivity, decided);
	settle_clean(&namespace->settle, decided, now);
	memcpy(namespace->published.generation, generation, sizeof(namespace->published.generation));
	if (namespace->coverage)
		coverage_surveyed(namespace->coverage, connectivity, generation, now);
}

/* Nothing is known until the next clean survey. */
static void doubt(struct namespace *namespace, uint64_t now)
{
	settle_unclean(&namespace->settle);
	if (namespace->coverage)
		coverage_doubt(namespace->coverage, now);
}

static void survey(struct namespace *namespace)
{
	uint32_t generation[SIEVE_FAMILIES];
	struct connectivity connectivity;
	uint64_t began = clock_monotonic_ns(), now;
	int r = look(namespace, generation, &connectivity);

	now = clock_monotonic_ns();
	pace_done(&namespace->pace, began, now);
	namespace->surveyed_at = now;
	namespace->surveys++;
	namespace->is_clean = r == 0;
	namespace->is_overrun = r == -ETIMEDOUT;
	if (namespace->is_overrun && namespace->overruns++ == 0)
		fprintf(stderr, "stubsieve: looking through the routes of the network namespace %u takes too long, so its queries pass\n",
			namespace->inum);
	if (namespace->is_clean) {
		take_survey(namespace, &connectivity, generation, now);
	} else {
		doubt(namespace, now);
		pace_trigger(&namespace->pace, now);
	}
	publish(namespace, now, true);
}

int namespace_open(struct namespace *namespace, const struct config *config, struct programs *programs, bool is_own,
		   struct error *error)
{
	uint32_t inum = netns_of(0);
	int r = 0;

	if (inum == 0)
		return fail(error, errno, "cannot read /proc/thread-self/ns/net: %s; is /proc mounted?", strerror(errno));
	*namespace = (struct namespace){
		.inum = inum,
		.cookie = read_cookie(),
		.is_own = is_own,
		.config = config,
		.programs = programs,
		.attachments = {
			.pin_dir = config->pin_dir,
			.netns = inum,
			.order = config->order,
			.filters = !scope_uses_cgroups(config),
			.results = config->results == CONFIG_RESULTS_COVERED,
			.gateways = config->gateways,
			.gateway_count = is_own ? config->gateway_count : 0,
			.most = is_own ? UINT32_MAX : INTERFACES_MAX,
			.budget_ns = is_own ? 0 : ATTACH_BUDGET_NS,
			.keeps_links = is_own,
		},
	};
	namespace->published.cookie = namespace->cookie;
	settle_init(&namespace->settle, config->settle_ns);
	if (config->results == CONFIG_RESULTS_COVERED)
		r = coverage_open(config, programs, inum, is_own, &namespace->coverage);
	if (r == 0)
		r = rtnl_monitor_open(is_own ? OWN_RECEIVE_BUFFER : RECEIVE_BUFFER, &namespace->monitor);
	if (r < 0)
		return fail(error, -r, "cannot follow the routes of the network namespace %u by rtnetlink: %s", inum,
			    strerror(-r));
	survey(namespace);
	return 0;
}

/* Another namespace can have the number by now. */
void namespace_carry(struct namespace *namespace, const struct namespace *before)
{
	uint64_t now = clock_monotonic_ns();

	if (namespace->cookie != before->cookie)
		return;
	settle_carry(&namespace->settle, &before->settle, now);
	namespace->surveys += before->surveys;
	namespace->overflows += before->overflows;
	namespace->overruns += before->overruns;
	publish(namespace, now, true);
}

bool namespace_is_known(const struct namespace *namespace)
{
	return !namespace->coverage || coverage_is_known(namespace->coverage);
}

void namespace_close(struct namespace *namespace)
{
	rtnl_monitor_close(namespace->monitor);
	namespace->monitor = NULL;
	coverage_close(namespace->coverage);
	namespace->coverage = NULL;
	attach_release(&namespace->attachments);
}

/* From here on its queries pass. */
void namespace_withdraw(struct namespace *namespace)
{
	programs_forget_netns(namespace->programs, namespace->inum);
	if (namespace->coverage)
		coverage_withdraw(namespace->coverage);
}

void namespace_remove(struct namespace *namespace)
{
	namespace_withdraw(namespace);
	attach_remove(&namespace->attachments);
}

/* What cannot be attached to is told of once; the rest works. What is left to do is done with the next survey. */
static int reconcile(struct namespace *namespace, struct error *error)
{
	int r = attach_reconcile(&namespace->attachments, namespace->programs, error);
	uint64_t now = clock_monotonic_ns();

	namespace->links_changed = r < 0 && r != -E2BIG;
	if (r == -EAGAIN)
		pace_trigger_once(&namespace->pace, now);
	if (r < 0 && error->text[0] && strcmp(error->text, namespace->attach_error) != 0 && now >= namespace->tell_at) {
		namespace->tell_at = now + TELL_EVERY_NS;
		fprintf(stderr, namespace->is_own ? "stubsieve: %s\n" : "stubsieve: %s (network namespace %u)\n",
			error->text, namespace->inum);
		snprintf(namespace->attach_error, sizeof(namespace->attach_error), "%s", error->text);
	}
	return r;
}

static bool is_attached_anywhere(const struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count; i++)
		if (attached_anywhere(&attachments->entries[i]))
			return true;
	return false;
}

int namespace_attach(struct namespace *namespace, bool has_tcx, struct error *error)
{
	struct attachments *attachments = &namespace->attachments;
	int r;

	namespace->attaches = attachments->filters || attachments->results || attachments->gateway_count > 0;
	attachments->has_tcx = has_tcx;
	if (!namespace->attaches)
		return 0;
	r = reconcile(namespace, error);
	return r == -EAGAIN || !is_attached_anywhere(attachments) ? r : 0;
}

/* Interfaces came or went. What failed is tried again with the next survey. */
static void follow_links(struct namespace *namespace)
{
	struct error error;

	reconcile(namespace, &error);
}

void namespace_trigger(struct namespace *namespace, uint64_t now)
{
	pace_trigger(&namespace->pace, now);
}

struct reading {
	struct namespace *namespace;
	uint64_t now;
};

/*
 * Does the message follow the change that it tells of? One of a route that came does, and one of an IPv6 route that
 * went (fib6_del_route()); that of an IPv4 route is sent before it goes (fib_table_delete(), Linux 6.18), and those
 * of links and addresses before the routes that go with them.
 */
static bool is_after_the_fact(const struct nlmsghdr *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*route))
		return false;
	return message->nlmsg_type == RTM_NEWROUTE || (message->nlmsg_type == RTM_DELROUTE && route->rtm_family == AF_INET6);
}

static void take_message(const struct nlmsghdr *message, void *data)
{
	const struct reading *reading = data;
	struct namespace *namespace = reading->namespace;

	if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
		namespace->links_changed = true;
	if (namespace->coverage)
		coverage_take_message(namespace->coverage, message, is_after_the_fact(message), reading->now);
	if (!connectivity_concerns(message, &namespace->seen, &namespace->config->connectivity))
		return;
	if (is_after_the_fact(message))
		pace_trigger_once(&namespace->pace, reading->now);
	else
		pace_trigger(&namespace->pace, reading->now);
}

void namespace_read(struct namespace *namespace, uint64_t now)
{
	struct reading reading = { namespace, now };
	int r = rtnl_monitor_read(namespace->monitor, take_message, &reading);

	if (r == 0 && namespace->is_congested && namespace->coverage)
		coverage_trigger(namespace->coverage, now);
	if (r == 0)
		namespace->is_congested = false;
	if (r >= 0)
		return;
	/* Messages were lost: any of them could have told of a route. */
	namespace->overflows++;
	namespace->is_congested = true;
	namespace->links_changed = true;
	doubt(namespace, now);
	publish(namespace, now, false);
	namespace_trigger(namespace, now);
}

/* The next survey: of the pace, or at the latest a while after the last, for what no message told of. */
static uint64_t survey_due(const struct namespace *namespace)
{
	uint64_t due = pace_due(&namespace->pace), latest = namespace->surveyed_at + SURVEY_EVERY_NS;

	return due && due < latest ? due : latest;
}

void namespace_work(struct namespace *namespace, uint64_t now)
{
	if (survey_due(namespace) > now) {
		publish(namespace, now, false);
		return;
	}
	if (namespace->is_congested)
		namespace_read(namespace, now);
	survey(namespace);
	if (namespace->is_congested)
		pace_trigger(&namespace->pace, clock_monotonic_ns());
	if (namespace->links_changed && namespace->attaches) {
		follow_links(namespace);
		pace_extend(&namespace->pace, now, clock_monotonic_ns());
	}
	namespace->work_ns = clock_monotonic_ns() - now;
}

void namespace_cover(struct namespace *namespace)
{
	if (coverage_work(namespace->coverage, &namespace->published))
		publish(namespace, clock_monotonic_ns(), true);
}

static bool is_shown_settling(const struct namespace *namespace)
{
	return namespace->published.connectivity[SIEVE_IPV4] == SIEVE_SETTLING ||
	       namespace->published.connectivity[SIEVE_IPV6] == SIEVE_SETTLING;
}

uint64_t namespace_due(const struct namespace *namespace)
{
	uint64_t survey = survey_due(namespace), settle = 0;

	if (is_shown_settling(namespace)) /* also if it is over, and not yet published */
		settle = settle_due(&namespace->settle, 0);
	return settle && settle < survey ? settle : survey;
}

int namespace_detail(const struct namespace *namespace, uint64_t budget_ns, struct connectivity *ret_detail)
{
	struct rtnl_request request = survey_request(namespace->config);
	int r = -EINTR;

	request.detail = true;
	request.budget_ns = budget_ns;
	for (int i = 0; r == -EINTR && i < DETAIL_ATTEMPTS; i++)
		r = rtnl_survey(&request, ret_detail);
	return r;
}
