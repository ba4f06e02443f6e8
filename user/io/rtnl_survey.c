/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netlink.h"
#include "rtnl.h"

/* The kernel fills at most 32 KiB at once. */
#define DUMP_BUFFER (32 * 1024)

/* A socket of its own for every dump: no other sequence number is ever used on it. */
#define SEQUENCE 1

/* Devices that are remembered. A power of two; more of them only cost more ioctls. */
#define DEVICES_KNOWN 64

struct survey {
	const struct rtnl_request *request;
	enum sieve_family family; /* of the dump that is under way */
	struct connectivity connectivity;
	struct devices devices;
	int device_fd;
	uint64_t deadline; /* CLOCK_MONOTONIC, ns */
	struct {
		uint32_t ifindex;
		unsigned int traits;
	} known[DEVICES_KNOWN];
};

/* Returns 0 to go on, 1 to stop the dump because the matter is settled, -errno. */
typedef int (*dump_handler)(const struct nlmsghdr *message, struct survey *survey);

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* Two ioctls rather than a link dump, which is the dearest of all dumps where there are many links. */
static unsigned int ask_traits(int fd, uint32_t ifindex)
{
	struct ifreq request = { .ifr_ifindex = (int)ifindex };
	unsigned int traits = 0;

	if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return DEVICE_UNKNOWN; /* gone since: a link message will follow */
	if (request.ifr_flags & IFF_UP)
		traits |= DEVICE_UP;
	if (request.ifr_flags & IFF_LOOPBACK)
		traits |= DEVICE_LOOPBACK;
	return traits;
}

static unsigned int survey_traits(void *context, uint32_t ifindex)
{
	struct survey *survey = context;
	unsigned int slot = ifindex % DEVICES_KNOWN;

	if (survey->known[slot].ifindex != ifindex) {
		survey->known[slot].traits = ask_traits(survey->device_fd, ifindex);
		survey->known[slot].ifindex = ifindex;
	}
	return survey->known[slot].traits;
}

static bool routes_are_settled(const struct survey *survey)
{
	const struct connectivity_policy *policy = &survey->request->policy;
	const struct connectivity_family *family = &survey->connectivity.family[survey->family];

	if (survey->request->detail || !family->route)
		return false;
	return survey->family == SIEVE_IPV4 || family->ra_route ||
	       !connectivity_asks_for_ra(&survey->connectivity, policy);
}

static int take_route(const struct nlmsghdr *message, struct survey *survey)
{
	struct route route;
	int r;

	r = route_decode(message, &survey->devices, &route);
	if (r == -EAFNOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	/* A kernel without IPv6 answers the request for its routes with those of every other family. */
	if (route.destination.family != survey->family)
		return 0;
	connectivity_add_route(&survey->connectivity, &route);
	return routes_are_settled(survey);
}

static int take_address(const struct nlmsghdr *message, struct survey *survey)
{
	struct address address;
	int r;

	r = address_decode(message, &address);
	if (r == -EAFNOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	if (address.host.family != survey->family)
		return 0;
	connectivity_add_address(&survey->connectivity, &address, &survey->devices);
	return survey->connectivity.family[survey->family].address;
}

static int error_of(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error) || error->error >= 0)
		return -EPROTO; /* a dump is not acknowledged */
	return error->error;
}

/* The last message of a dump carries the error that cut it short, if any. Returns 1 or -errno. */
static int end_of(const struct nlmsghdr *message)
{
	int error;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(error))
		return 1;
	memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	return error < 0 ? error : 1;
}

/* Returns 0 to go on, 1 when the dump is over or settled, -errno. */
static int take_message(const struct nlmsghdr *message, uint16_t type, unsigned int portid, dump_handler handler,
			struct survey *survey)
{
	if (message->nlmsg_seq != SEQUENCE || message->nlmsg_pid != portid)
		return -EPROTO;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	if (message->nlmsg_type == NLMSG_ERROR)
		return error_of(message);
	if (message->nlmsg_type == NLMSG_DONE)
		return end_of(message);
	if (message->nlmsg_type == NLMSG_OVERRUN)
		return -ENOBUFS;
	return message->nlmsg_type == type ? handler(message, survey) : 0;
}

static int take_answers(struct mnl_socket *socket, uint16_t type, dump_handler handler, struct survey *survey)
{
	_Alignas(struct nlmsghdr) char buffer[DUMP_BUFFER];
	unsigned int portid = mnl_socket_get_portid(socket);

	for (;;) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		ssize_t length = netlink_receive(mnl_socket_get_fd(socket), buffer, sizeof(buffer));
		int left = (int)length;

		if (length == -EAGAIN || monotonic_ns() > survey->deadline)
			return -ETIMEDOUT;
		if (length < 0)
			return (int)length;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			int r = take_message(message, type, portid, handler, survey);

			if (r != 0)
				return r < 0 ? r : 0;
		}
		if (left != 0)
			return -EBADMSG;
	}
}

static int open_dump_socket(struct mnl_socket **ret_socket)
{
	__attribute__((cleanup(netlink_closep))) struct mnl_socket *socket = NULL;
	struct timeval timeout = { .tv_sec = RTNL_SURVEY_SECONDS };
	int on = 1;

	socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		return -errno;
	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	*ret_socket = socket;
	socket = NULL;
	return 0;
}

/* Closing the socket stops a dump that is settled. `answer` is the type of the messages wanted. */
static int dump(const struct nlmsghdr *request, uint16_t answer, dump_handler handler, struct survey *survey)
{
	__attribute__((cleanup(netlink_closep))) struct mnl_socket *socket = NULL;
	int r;

	r = open_dump_socket(&socket);
	if (r < 0)
		return r;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	r = take_answers(socket, answer, handler, survey);
	if (survey->family == SIEVE_IPV6 && (r == -EAFNOSUPPORT || r == -EOPNOTSUPP))
		return 0; /* a kernel without IPv6 has none */
	return r;
}

static struct nlmsghdr *dump_request(void *buffer, uint16_t type)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = SEQUENCE;
	return request;
}

static unsigned char address_family(enum sieve_family family)
{
	return family == SIEVE_IPV4 ? AF_INET : AF_INET6;
}

static int survey_routes(struct survey *survey, enum sieve_family family)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct rtmsg))];
	struct nlmsghdr *request = dump_request(buffer, RTM_GETROUTE);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->rtm_family = address_family(family);
	header->rtm_type = RTN_UNICAST;
	survey->family = family;
	return dump(request, RTM_NEWROUTE, take_route, survey);
}

static int survey_addresses(struct survey *survey, enum sieve_family family)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct ifaddrmsg))];
	struct nlmsghdr *request = dump_request(buffer, RTM_GETADDR);
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->ifa_family = address_family(family);
	survey->family = family;
	return dump(request, RTM_NEWADDR, take_address, survey);
}

static bool needs_addresses(const struct survey *survey)
{
	return survey->request->detail || survey->request->policy.detect == CONNECTIVITY_DETECT_ADDRESSES;
}

/* Where addresses decide, routes matter only in so far as one of RTPROT_RA keeps A from being useless. */
static bool needs_routes(const struct survey *survey, enum sieve_family family)
{
	const struct connectivity_policy *policy = &survey->request->policy;

	if (survey->request->detail || policy->detect == CONNECTIVITY_DETECT_ROUTES)
		return true;
	return family == SIEVE_IPV6 && connectivity_has(&survey->connectivity, SIEVE_IPV6, policy) &&
	       connectivity_asks_for_ra(&survey->connectivity, policy);
}

static int survey_all(struct survey *survey)
{
	int r = 0;

	for (int family = 0; r == 0 && family < SIEVE_FAMILIES; family++)
		if (needs_addresses(survey))
			r = survey_addresses(survey, family);
	/* IPv4 first: whether it is missing decides how far the routes of IPv6 are looked through. */
	for (int family = 0; r == 0 && family < SIEVE_FAMILIES; family++)
		if (needs_routes(survey, family))
			r = survey_routes(survey, family);
	return r;
}

int rtnl_survey(const struct rtnl_request *request, struct connectivity *ret_connectivity)
{
	struct survey survey = {
		.request = request,
		.devices = { .traits = survey_traits, .context = &survey },
		.connectivity = { .complete = request->detail },
		.deadline = monotonic_ns() + RTNL_SURVEY_SECONDS * 1000000000ULL,
	};
	int r;

	survey.device_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (survey.device_fd < 0)
		return -errno;
	r = survey_all(&survey);
	close(survey.device_fd);
	if (r < 0)
		return r;
	*ret_connectivity = survey.connectivity;
	return 0;
}
