/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "clock.h"
#include "netlink.h"

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	run("ip link add h0 type veth peer name h1 && ip link set dev h1 up && ip link set dev h0 up");
	return 0;
}

struct seen {
	unsigned int messages;
	uint16_t type;
	int answer; /* of the handler */
};

static int take(const struct nlmsghdr *message, void *data)
{
	struct seen *seen = data;

	seen->messages++;
	seen->type = message->nlmsg_type;
	return seen->answer;
}

#define ROUTE_REQUEST NLMSG_SPACE(sizeof(struct rtmsg))

static struct nlmsghdr *ask_for_routes(char buffer[ROUTE_REQUEST], unsigned char family)
{
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETROUTE);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->rtm_family = family;
	return request;
}

static int dump_routes(unsigned char family, uint16_t answer, struct seen *seen)
{
	_Alignas(struct nlmsghdr) char buffer[ROUTE_REQUEST];

	return netlink_dump(ask_for_routes(buffer, family), answer, take, seen);
}

/* Returns the number of routes that were handed over. */
static unsigned int dump_next(struct netlink_dumps *dumps, int answer, int want)
{
	_Alignas(struct nlmsghdr) char buffer[ROUTE_REQUEST];
	struct seen seen = { .answer = answer };

	assert_int_equal(netlink_dumps_next(dumps, ask_for_routes(buffer, AF_INET), RTM_NEWROUTE, take, &seen), want);
	return seen.messages;
}

static void add_many_routes(void)
{
	run("for n in $(seq 0 4999); do echo route add 10.$((n / 250)).$((n %% 250)).0/24 dev h0; done | ip -batch -");
}

static void add_routes(void)
{
	run("for n in 1 2 3 4 5; do ip -4 route add 198.51.100.$n/32 dev h0 table 7; done");
}

static void a_dump_hands_over_each_message_once(void **state)
{
	struct seen before = {}, after = {};

	(void)state;
	assert_int_equal(dump_routes(AF_INET, RTM_NEWROUTE, &before), 0);
	add_routes();
	assert_int_equal(dump_routes(AF_INET, RTM_NEWROUTE, &after), 0);
	assert_int_equal(after.messages, before.messages + 5);
	assert_int_equal(after.type, RTM_NEWROUTE);
}

static void a_dump_of_many_datagrams_is_read_to_its_end(void **state)
{
	struct seen before = {}, after = {};

	(void)state;
	assert_int_equal(dump_routes(AF_INET, RTM_NEWROUTE, &before), 0);
	add_many_routes();
	assert_int_equal(dump_routes(AF_INET, RTM_NEWROUTE, &after), 0);
	assert_int_equal(after.messages, before.messages + 5000);
}

static void messages_of_another_type_are_passed_over(void **state)
{
	struct seen seen = {};

	(void)state;
	add_routes();
	assert_int_equal(dump_routes(AF_INET, RTM_NEWLINK, &seen), 0);
	assert_int_equal(seen.messages, 0);
}

static void the_handler_stops_a_dump(void **state)
{
	struct seen seen = { .answer = 1 };

	(void)state;
	add_routes();
	assert_int_equal(dump_routes(AF_INET, RTM_NEWROUTE, &seen), 0);
	assert_int_equal(seen.messages, 1);
}

static void the_handlers_error_ends_a_dump(void **state)
{
	struct seen seen = { .answer = -EXDEV };

	(void)state;
	add_routes();
	assert_int_equal(dump_routes(AF_INET, RTM_NEWROUTE, &seen), -EXDEV);
	assert_int_equal(seen.messages, 1);
}

/* Strict checking: a kernel that ignored the field would dump what was not asked for. */
static void a_request_that_the_kernel_does_not_understand_is_refused(void **state)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct rtmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETROUTE);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	struct seen seen = {};

	(void)state;
	header->rtm_family = AF_INET;
	header->rtm_src_len = 8;
	assert_int_equal(netlink_dump(request, RTM_NEWROUTE, take, &seen), -EINVAL);
	assert_int_equal(seen.messages, 0);
}

static void an_error_of_the_kernel_is_told(void **state)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct rtmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_MAX + 2);
	struct seen seen = {};

	(void)state;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtmsg));
	assert_int_equal(netlink_dump(request, RTM_NEWROUTE, take, &seen), -EOPNOTSUPP);
}

static ino_t inode_of(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return status.st_ino;
}

static void one_dump_follows_the_other_on_a_socket(void **state)
{
	struct netlink_dumps dumps;
	unsigned int all;
	ino_t inode;

	(void)state;
	add_routes();
	assert_int_equal(netlink_dumps_open(&dumps, 0), 0);
	inode = inode_of(dumps.fd);
	all = dump_next(&dumps, 0, 0);
	assert_true(all >= 5);
	assert_int_equal(dump_next(&dumps, 0, 0), all);
	assert_int_equal(inode_of(dumps.fd), inode);
	netlink_dumps_close(&dumps);
	assert_int_equal(dumps.fd, -1);
}

/* All but the end of a short dump has been said when it is left. */
static void a_short_dump_that_was_left_keeps_its_socket(void **state)
{
	struct netlink_dumps dumps;
	unsigned int all;
	ino_t inode;

	(void)state;
	add_routes();
	assert_int_equal(netlink_dumps_open(&dumps, 0), 0);
	inode = inode_of(dumps.fd);
	assert_int_equal(dump_next(&dumps, 1, 0), 1);
	assert_int_equal(dump_next(&dumps, -EXDEV, -EXDEV), 1);
	assert_int_equal(dump_next(&dumps, 1, 0), 1);
	all = dump_next(&dumps, 0, 0);
	assert_true(all >= 5);
	assert_int_equal(inode_of(dumps.fd), inode);
	netlink_dumps_close(&dumps);
}

static void a_long_dump_that_was_left_is_in_nobodys_way(void **state)
{
	struct netlink_dumps dumps;
	ino_t inode;

	(void)state;
	add_many_routes();
	assert_int_equal(netlink_dumps_open(&dumps, 0), 0);
	inode = inode_of(dumps.fd);
	assert_int_equal(dump_next(&dumps, 1, 0), 1);
	assert_true(dump_next(&dumps, 0, 0) >= 5000);
	assert_int_not_equal(inode_of(dumps.fd), inode);
	assert_int_equal(dump_next(&dumps, -EXDEV, -EXDEV), 1);
	assert_true(dump_next(&dumps, 0, 0) >= 5000);
	netlink_dumps_close(&dumps);
}

static void all_dumps_together_keep_to_their_budget(void **state)
{
	struct netlink_dumps dumps;

	(void)state;
	add_routes();
	assert_int_equal(netlink_dumps_open(&dumps, 50 * CLOCK_MILLISECOND_NS), 0);
	assert_true(dump_next(&dumps, 0, 0) >= 5);
	pause_ms(60); /* of a busy machine */
	assert_true(dump_next(&dumps, 0, 0) >= 5);
	while (clock_thread_cpu_ns() < dumps.deadline)
		;
	assert_int_equal(dump_next(&dumps, 0, -ETIMEDOUT), 0);
	netlink_dumps_close(&dumps);
}

static void a_dump_leaves_no_descriptor_open(void **state)
{
	struct seen all = {}, first = { .answer = 1 }, error = { .answer = -EXDEV };
	unsigned int before = count_descriptors();
	struct netlink_dumps dumps;

	(void)state;
	add_routes();
	dump_routes(AF_INET, RTM_NEWROUTE, &all);
	dump_routes(AF_INET, RTM_NEWROUTE, &first);
	dump_routes(AF_INET, RTM_NEWROUTE, &error);
	add_many_routes();
	dump_routes(AF_INET, RTM_NEWROUTE, &first);
	assert_int_equal(netlink_dumps_open(&dumps, 0), 0);
	dump_next(&dumps, 1, 0);
	dump_next(&dumps, 1, 0);
	netlink_dumps_close(&dumps);
	assert_int_equal(count_descriptors(), before);
}

static int open_netlink(struct sockaddr_nl *ret_name)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	socklen_t length = sizeof(*ret_name);

	*ret_name = (struct sockaddr_nl){ .nl_family = AF_NETLINK };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)ret_name, sizeof(*ret_name)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_name, &length), 0);
	return fd;
}

static void send_message(int fd, const struct sockaddr_nl *to, uint16_t type)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} message = {
		.header = { .nlmsg_len = sizeof(message), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.route = { .rtm_family = AF_INET },
	};

	assert_int_equal(sendto(fd, &message, sizeof(message), 0, (const struct sockaddr *)to, sizeof(*to)),
			 sizeof(message));
}

static void a_datagram_of_a_process_counts_for_nothing(void **state)
{
	struct sockaddr_nl name, other_name;
	int fd = open_netlink(&name), other = open_netlink(&other_name);
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char buffer[1024];

	(void)state;
	assert_int_equal(netlink_receive(fd, buffer, sizeof(buffer)), -EAGAIN);
	send_message(other, &name, RTM_NEWROUTE);
	assert_int_equal(netlink_receive(fd, buffer, sizeof(buffer)), 0);
	assert_int_equal(netlink_receive(fd, buffer, sizeof(buffer)), -EAGAIN);
	/* the twin: the kernel's, though it only complains */
	send_message(fd, &kernel, RTM_NEWROUTE);
	assert_true(netlink_receive(fd, buffer, sizeof(buffer)) >= (ssize_t)sizeof(struct nlmsghdr));
	close(fd);
	close(other);
}

static void a_datagram_that_does_not_fit_is_told_as_lost(void **state)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char small[NLMSG_HDRLEN];
	struct sockaddr_nl name;
	int fd = open_netlink(&name);

	(void)state;
	send_message(fd, &kernel, RTM_NEWROUTE);
	assert_int_equal(netlink_receive(fd, small, sizeof(small)), -EMSGSIZE);
	assert_int_equal(netlink_receive(fd, small, sizeof(small)), -EAGAIN);
	close(fd);
	assert_int_equal(netlink_receive(-1, small, sizeof(small)), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_dump_hands_over_each_message_once, enter),
		cmocka_unit_test_setup(a_dump_of_many_datagrams_is_read_to_its_end, enter),
		cmocka_unit_test_setup(messages_of_another_type_are_passed_over, enter),
		cmocka_unit_test_setup(the_handler_stops_a_dump, enter),
		cmocka_unit_test_setup(the_handlers_error_ends_a_dump, enter),
		cmocka_unit_test_setup(a_request_that_the_kernel_does_not_understand_is_refused, enter),
		cmocka_unit_test_setup(an_error_of_the_kernel_is_told, enter),
		cmocka_unit_test_setup(one_dump_follows_the_other_on_a_socket, enter),
		cmocka_unit_test_setup(a_short_dump_that_was_left_keeps_its_socket, enter),
		cmocka_unit_test_setup(a_long_dump_that_was_left_is_in_nobodys_way, enter),
		cmocka_unit_test_setup(all_dumps_together_keep_to_their_budget, enter),
		cmocka_unit_test_setup(a_dump_leaves_no_descriptor_open, enter),
		cmocka_unit_test_setup(a_datagram_of_a_process_counts_for_nothing, enter),
		cmocka_unit_test_setup(a_datagram_that_does_not_fit_is_told_as_lost, enter),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
