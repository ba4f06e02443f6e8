/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namespaces CGROUP
 *
 * Many network namespaces, each with one process of CGROUP that has sockets of both families and a veth c0
 * with IPv4 and a default route, whose other end pN is here. Reads commands from standard input and says a line
 * for each; everything goes when that ends. Namespaces are numbered from 0; those that ended are left out.
 *
 *   make N               N more:                            "made N"
 *   pid I                of its process:                    "PID"
 *   ask I                one query for AAAA:                "answered" or "passed"
 *   askall               the same for each:                 "answered N passed N"
 *   await MS             each asks until it is answered:    "answered N of N, the last one at MS" (since 1970)
 *   route I add|del      of IPv4, one that decides nothing
 *   vpn I add|del        the one of IPv6
 *   routes|vpns N US     N times: one change in each namespace, US after the one before. N is even.
 *   kill I               kills its process:                 "killed"
 *   end I                the same, and waits:               "gone after MS" is pI, -1: after 5 s it is there
 *   turn N               N times: makes one, asks until answered, and ends it; they are not counted above:
 *                        "answered N of N, median US, gone N of N, median MS, worst MS"
 *
 * Every query leaves at once: c0 needs no neighbours (IFF_NOARP), and the far end throws it away.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES_MAX 4096
#define NEAR_ADDRESS "10.99.0.2"
#define FAR_ADDRESS "10.99.0.1"
#define OTHER_ADDRESS "198.51.100.7"
#define VPN_PREFIX "2001:db8:77::"
#define VPN_PREFIX_LENGTH 48
#define ONE_QUERY_MS 100
#define AGAIN_MS 20   /* while it is not answered */
#define FOLLOWED_MS 2000
#define GONE_MS 5000

enum operation { SET_UP, ASK, ROUTE_ADD, ROUTE_DEL, VPN_ADD, VPN_DEL };

struct request {
	enum operation operation;
	int limit_ms; /* of ASK */
};

struct reply {
	int error;
	bool answered;
	long long us, at_ms;
};

struct namespace {
	pid_t pid;
	int channel;
	unsigned int number; /* of the other end */
};

struct going {
	unsigned int number;
	long long since_us, took_ms; /* -1: it is still there */
};

/* In a child */
struct sockets {
	int ipv4, ipv6;
	uint16_t id;
};

static const char *cgroup;
static int rtnetlink;
static struct namespace namespaces[NAMESPACES_MAX];
static unsigned int count, made;

__attribute__((noreturn)) static void die(const char *what)
{
	printf("failed %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void set_address(struct sockaddr *place, const char *text, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, text, &address.sin_addr);
	memcpy(place, &address, sizeof(address));
}

/* --- what a child does --- */

static void join(void)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = fopen(path, "we");
	if (!file || fputs("0", file) < 0 || fclose(file) != 0)
		die(path);
}

static int raise_device(int fd, const char *name, short flags)
{
	struct ifreq request = { .ifr_flags = 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_flags = flags;
	return ioctl(fd, SIOCSIFFLAGS, &request);
}

static int give_address(int fd)
{
	struct ifreq request = { .ifr_name = "c0" };

	set_address(&request.ifr_addr, NEAR_ADDRESS, 0);
	if (ioctl(fd, SIOCSIFADDR, &request) != 0)
		return -1;
	set_address(&request.ifr_netmask, "255.255.255.0", 0);
	return ioctl(fd, SIOCSIFNETMASK, &request);
}

static int change_ipv4(int fd, unsigned long change, const char *destination, const char *mask, const char *gateway)
{
	char device[] = "c0";
	struct rtentry route = { .rt_flags = RTF_UP, .rt_dev = device };

	set_address(&route.rt_dst, destination, 0);
	set_address(&route.rt_genmask, mask, 0);
	if (gateway) {
		route.rt_flags |= RTF_GATEWAY;
		set_address(&route.rt_gateway, gateway, 0);
	}
	return ioctl(fd, change, &route);
}

static int change_ipv6(int fd, unsigned long change)
{
	struct in6_rtmsg route = { .rtmsg_dst_len = VPN_PREFIX_LENGTH, .rtmsg_metric = 1, .rtmsg_flags = RTF_UP };

	route.rtmsg_ifindex = (int)if_nametoindex("c0");
	inet_pton(AF_INET6, VPN_PREFIX, &route.rtmsg_dst);
	return ioctl(fd, change, &route);
}

static int set_up(struct sockets *sockets)
{
	struct sockaddr server;

	sockets->ipv4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sockets->ipv6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	set_address(&server, FAR_ADDRESS, 53);
	if (raise_device(sockets->ipv4, "lo", IFF_UP) != 0 || give_address(sockets->ipv4) != 0 ||
	    raise_device(sockets->ipv4, "c0", IFF_UP | IFF_NOARP) != 0 ||
	    change_ipv4(sockets->ipv4, SIOCADDRT, "0.0.0.0", "0.0.0.0", FAR_ADDRESS) != 0)
		return -1;
	return connect(sockets->ipv4, &server, sizeof(server));
}

/* AAAA of both.example */
static int send_query(struct sockets *sockets)
{
	uint8_t query[] = "\0\0\1\0\0\1\0\0\0\0\0\0\4both\7example\0\0\34\0\1";

	query[0] = (uint8_t)(++sockets->id >> 8);
	query[1] = (uint8_t)sockets->id;
	return send(sockets->ipv4, query, sizeof(query) - 1, 0) < 0 ? -1 : 0;
}

static bool is_answered(const struct sockets *sockets, int wait_ms)
{
	struct pollfd readable = { .fd = sockets->ipv4, .events = POLLIN };
	long long until = clock_us(CLOCK_MONOTONIC) + wait_ms * 1000LL;
	uint8_t answer[512];
	long left;

	while ((left = (long)(until - clock_us(CLOCK_MONOTONIC))) > 0 && poll(&readable, 1, (int)(left / 1000) + 1) > 0)
		if (recv(sockets->ipv4, answer, sizeof(answer), 0) > 12 && (answer[2] & 0x80) &&
		    answer[0] == sockets->id >> 8 && answer[1] == (uint8_t)sockets->id)
			return true;
	return false;
}

/* With a limit: again and again until it is answered. */
static int ask(struct sockets *sockets, int limit_ms, struct reply *reply)
{
	long long begun = clock_us(CLOCK_MONOTONIC), now = begun;

	do {
		if (send_query(sockets) != 0)
			return -1;
		reply->answered = is_answered(sockets, limit_ms ? AGAIN_MS : ONE_QUERY_MS);
		now = clock_us(CLOCK_MONOTONIC);
	} while (!reply->answered && now - begun < limit_ms * 1000LL);
	reply->us = now - begun;
	reply->at_ms = clock_us(CLOCK_REALTIME) / 1000;
	return 0;
}

static int perform(struct sockets *sockets, const struct request *request, struct reply *reply)
{
	switch (request->operation) {
	case SET_UP:
		return set_up(sockets);
	case ASK:
		return ask(sockets, request->limit_ms, reply);
	case ROUTE_ADD:
		return change_ipv4(sockets->ipv4, SIOCADDRT, OTHER_ADDRESS, "255.255.255.255", NULL);
	case ROUTE_DEL:
		return change_ipv4(sockets->ipv4, SIOCDELRT, OTHER_ADDRESS, "255.255.255.255", NULL);
	case VPN_ADD:
		return change_ipv6(sockets->ipv6, SIOCADDRT);
	case VPN_DEL:
		return change_ipv6(sockets->ipv6, SIOCDELRT);
	}
	return -1;
}

__attribute__((noreturn)) static void live(int channel)
{
	const struct reply ready = { .error = 0 };
	struct sockets sockets = { .ipv4 = -1, .ipv6 = -1 };
	struct request request;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	join();
	if (unshare(CLONE_NEWNET) != 0)
		die("unshare");
	if (write(channel, &ready, sizeof(ready)) != sizeof(ready))
		exit(1);
	while (read(channel, &request, sizeof(request)) == sizeof(request)) {
		struct reply reply = { .error = 0 };

		errno = 0;
		if (perform(&sockets, &request, &reply) != 0)
			reply.error = errno ? errno : EINVAL;
		if (write(channel, &reply, sizeof(reply)) != sizeof(reply))
			break;
	}
	exit(0);
}

/* --- the parent --- */

static struct rtattr *put(struct nlmsghdr *message, unsigned short type, const void *data, size_t length)
{
	struct rtattr *attribute = (struct rtattr *)(void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(length);
	if (length)
		memcpy(RTA_DATA(attribute), data, length);
	message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static void close_nest(struct nlmsghdr *message, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((char *)message + message->nlmsg_len - (char *)nest);
}

/* c0 in the process' namespace, pN here, up */
static void make_veth(pid_t pid, unsigned int number)
{
	union {
		struct nlmsghdr header;
		char space[1024];
	} request = { .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
				  .nlmsg_type = RTM_NEWLINK,
				  .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK } };
	struct ifinfomsg *link = NLMSG_DATA(&request.header);
	const struct ifinfomsg peer_link = { .ifi_family = AF_UNSPEC };
	const uint32_t netns_pid = (uint32_t)pid;
	struct rtattr *info, *data, *peer;
	char name[IF_NAMESIZE], answer[1024];
	const struct nlmsgerr *error;

	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	snprintf(name, sizeof(name), "p%u", number);
	put(&request.header, IFLA_IFNAME, name, strlen(name) + 1);
	info = put(&request.header, IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
	put(&request.header, IFLA_INFO_KIND, "veth", 5);
	data = put(&request.header, IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
	peer = put(&request.header, VETH_INFO_PEER | NLA_F_NESTED, &peer_link, sizeof(peer_link));
	put(&request.header, IFLA_IFNAME, "c0", 3);
	put(&request.header, IFLA_NET_NS_PID, &netns_pid, sizeof(netns_pid));
	close_nest(&request.header, peer);
	close_nest(&request.header, data);
	close_nest(&request.header, info);
	if (send(rtnetlink, &request, request.header.nlmsg_len, 0) < 0 || recv(rtnetlink, answer, sizeof(answer), 0) < 0)
		die("rtnetlink");
	error = NLMSG_DATA((struct nlmsghdr *)(void *)answer);
	errno = -error->error;
	if (error->error)
		die(name);
}

static void post(const struct namespace *namespace, enum operation operation, int limit_ms)
{
	const struct request request = { .operation = operation, .limit_ms = limit_ms };

	if (write(namespace->channel, &request, sizeof(request)) != sizeof(request))
		die("a namespace's process");
}

static struct reply collect(const struct namespace *namespace)
{
	struct reply reply;

	if (read(namespace->channel, &reply, sizeof(reply)) != sizeof(reply))
		die("a namespace's process");
	errno = reply.error;
	if (reply.error)
		die("a namespace's request");
	return reply;
}

static struct reply request(const struct namespace *namespace, enum operation operation, int limit_ms)
{
	post(namespace, operation, limit_ms);
	return collect(namespace);
}

static void make(struct namespace *ret_namespace)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		die("socketpair");
	ret_namespace->pid = fork();
	if (ret_namespace->pid < 0)
		die("fork");
	if (ret_namespace->pid == 0) {
		for (unsigned int i = 0; i < count; i++)
			close(namespaces[i].channel);
		close(ends[0]);
		close(rtnetlink);
		live(ends[1]);
	}
	close(ends[1]);
	ret_namespace->channel = ends[0];
	ret_namespace->number = made++;
	collect(ret_namespace);
	make_veth(ret_namespace->pid, ret_namespace->number);
	request(ret_namespace, SET_UP, 0);
}

static void end(struct namespace *namespace)
{
	kill(namespace->pid, SIGKILL);
	waitpid(namespace->pid, NULL, 0);
	close(namespace->channel);
	namespace->channel = -1;
}

static bool is_gone(unsigned int number)
{
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "p%u", number);
	return if_nametoindex(name) == 0;
}

/* Look after those whose process has ended; how many are still there */
static unsigned int look_for_gone(struct going *going, unsigned int amount)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < amount; i++) {
		if (going[i].took_ms >= 0)
			continue;
		if (is_gone(going[i].number))
			going[i].took_ms = (clock_us(CLOCK_MONOTONIC) - going[i].since_us) / 1000;
		else
			left++;
	}
	return left;
}

static void wait_gone(struct going *going, unsigned int amount)
{
	long long until = clock_us(CLOCK_MONOTONIC) + GONE_MS * 1000LL;

	while (look_for_gone(going, amount) > 0 && clock_us(CLOCK_MONOTONIC) < until)
		usleep(1000);
}

static int compare_numbers(const void *left, const void *right)
{
	const long long *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static long long median(long long *numbers, unsigned int amount)
{
	qsort(numbers, amount, sizeof(*numbers), compare_numbers);
	return amount ? numbers[amount / 2] : -1;
}

static bool is_alive(const struct namespace *namespace)
{
	return namespace->channel >= 0;
}

/* --- the commands --- */

static void command_make(unsigned int more)
{
	for (unsigned int i = 0; i < more && count < NAMESPACES_MAX; i++) {
		make(&namespaces[count]);
		count++;
	}
	printf("made %u\n", count);
}

static void command_ask_all(int limit_ms)
{
	unsigned int answered = 0, alive = 0;
	long long last = 0;

	for (unsigned int i = 0; i < count; i++)
		if (is_alive(&namespaces[i]))
			post(&namespaces[i], ASK, limit_ms);
	for (unsigned int i = 0; i < count; i++) {
		struct reply reply;

		if (!is_alive(&namespaces[i]))
			continue;
		reply = collect(&namespaces[i]);
		alive++;
		answered += reply.answered;
		if (reply.answered && reply.at_ms > last)
			last = reply.at_ms;
	}
	if (limit_ms)
		printf("answered %u of %u, the last one at %lld\n", answered, alive, last);
	else
		printf("answered %u passed %u\n", answered, alive - answered);
}

static void command_changes(unsigned int times, unsigned int gap_us, enum operation add, enum operation del)
{
	long long next = clock_us(CLOCK_MONOTONIC);
	unsigned int changes = 0;

	for (unsigned int turn = 0; turn < times; turn++)
		for (unsigned int i = 0; i < count; i++) {
			long long left = (next += gap_us) - clock_us(CLOCK_MONOTONIC);

			if (!is_alive(&namespaces[i]))
				continue;
			request(&namespaces[i], turn % 2 ? del : add, 0);
			changes++;
			if (left > 0)
				usleep((useconds_t)left);
		}
	printf("changed %u\n", changes);
}

static void end_and_watch(struct namespace *namespace, struct going *ret_going)
{
	end(namespace);
	*ret_going = (struct going){ .number = namespace->number, .since_us = clock_us(CLOCK_MONOTONIC), .took_ms = -1 };
}

static void command_kill(struct namespace *namespace)
{
	end(namespace);
	puts("killed");
}

static void command_end(struct namespace *namespace)
{
	struct going going;

	end_and_watch(namespace, &going);
	wait_gone(&going, 1);
	printf("gone after %lld\n", going.took_ms);
}

static void print_gone(const struct going *going, unsigned int amount)
{
	long long *ms = calloc(amount, sizeof(*ms));
	unsigned int gone = 0;

	if (!ms)
		die("calloc");
	for (unsigned int i = 0; i < amount; i++)
		if (going[i].took_ms >= 0)
			ms[gone++] = going[i].took_ms;
	printf("gone %u of %u, median %lld, ", gone, amount, median(ms, gone));
	printf("worst %lld\n", gone ? ms[gone - 1] : -1);
	free(ms);
}

static void command_turn(unsigned int times)
{
	long long *us = calloc(times, sizeof(*us));
	struct going *going = calloc(times, sizeof(*going));
	unsigned int answered = 0;

	if (!us || !going)
		die("calloc");
	for (unsigned int i = 0; i < times; i++) {
		struct namespace namespace;
		struct reply reply;

		make(&namespace);
		reply = request(&namespace, ASK, FOLLOWED_MS);
		if (reply.answered)
			us[answered++] = reply.us;
		end_and_watch(&namespace, &going[i]);
		look_for_gone(going, i + 1);
	}
	wait_gone(going, times);
	printf("answered %u of %u, median %lld, ", answered, times, median(us, answered));
	print_gone(going, times);
	free(us);
	free(going);
}

static void command_change(const struct namespace *namespace, const char *word, enum operation add, enum operation del)
{
	request(namespace, strcmp(word, "add") == 0 ? add : del, 0);
	puts("done");
}

static void carry_out(const char *command, unsigned int number, const char *word)
{
	unsigned int second = (unsigned int)strtoul(word, NULL, 10);
	struct namespace *namespace = &namespaces[number < count ? number : 0];

	if (strcmp(command, "make") == 0)
		command_make(number);
	else if (strcmp(command, "pid") == 0)
		printf("%d\n", namespace->pid);
	else if (strcmp(command, "ask") == 0)
		puts(request(namespace, ASK, 0).answered ? "answered" : "passed");
	else if (strcmp(command, "askall") == 0)
		command_ask_all(0);
	else if (strcmp(command, "await") == 0)
		command_ask_all((int)number);
	else if (strcmp(command, "route") == 0)
		command_change(namespace, word, ROUTE_ADD, ROUTE_DEL);
	else if (strcmp(command, "vpn") == 0)
		command_change(namespace, word, VPN_ADD, VPN_DEL);
	else if (strcmp(command, "routes") == 0)
		command_changes(number, second, ROUTE_ADD, ROUTE_DEL);
	else if (strcmp(command, "vpns") == 0)
		command_changes(number, second, VPN_ADD, VPN_DEL);
	else if (strcmp(command, "kill") == 0)
		command_kill(namespace);
	else if (strcmp(command, "end") == 0)
		command_end(namespace);
	else if (strcmp(command, "turn") == 0)
		command_turn(number);
	else
		printf("failed: %s?\n", command);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[128], command[16], word[16];

	if (argc != 2) {
		fputs("usage: namespaces CGROUP\n", stderr);
		return 2;
	}
	cgroup = argv[1];
	rtnetlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (rtnetlink < 0)
		die("rtnetlink");
	while (fgets(line, sizeof(line), stdin)) {
		unsigned int number = 0;

		word[0] = command[0] = '\0';
		sscanf(line, "%15s %u %15s", command, &number, word);
		carry_out(command, number, word);
	}
	return 0;
}
