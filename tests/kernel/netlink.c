/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

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

static int dump_routes(unsigned char family, uint16_t answer, struct seen *seen)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct rtmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETROUTE);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->rtm_family = family;
	return netlink_dump(request, answer, take, seen);
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
	run("for n in $(seq 0 4999); do echo route add 10.$((n / 250)).$((n %% 250)).0/24 dev h0; done | ip -batch -");
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

static void a_dump_leaves_no_descriptor_open(void **state)
{
	struct seen all = {}, first = { .answer = 1 }, error = { .answer = -EXDEV };
	unsigned int before = count_descriptors();

	(void)state;
	add_routes();
	dump_routes(AF_INET, RTM_NEWROUTE, &all);
	dump_routes(AF_INET, RTM_NEWROUTE, &first);
	dump_routes(AF_INET, RTM_NEWROUTE, &error);
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
		cmocka_unit_test_setup(a_dump_leaves_no_descriptor_open, enter),
		cmocka_unit_test_setup(a_datagram_of_a_process_counts_for_nothing, enter),
		cmocka_unit_test_setup(a_datagram_that_does_not_fit_is_told_as_lost, enter),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
