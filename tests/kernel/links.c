/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <linux/if_arp.h>

#include "links.h"

static int enter_fresh_netns(void **state)
{
	(void)state;
	fresh_netns();
	return 0;
}

/* Can this kernel make such a device? */
static bool try(const char *command)
{
	char quiet[256];

	snprintf(quiet, sizeof(quiet), "%s >/dev/null 2>&1", command);
	return system(quiet) == 0;
}

static struct link find_link(const char *name)
{
	struct link *links = NULL, found = {};
	size_t count = 0, times = 0;

	assert_int_equal(links_list(0, &links, &count), 0);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(links[i].name, name) == 0) {
			found = links[i];
			times++;
		}
	}
	free(links);
	if (times != 1)
		fail_msg("%s is listed %zu times", name, times);
	assert_int_equal(found.ifindex, if_nametoindex(name));
	return found;
}

static size_t count_links(void)
{
	struct link *links = NULL;
	size_t count = 0;

	assert_int_equal(links_list(0, &links, &count), 0);
	free(links);
	return count;
}

static void a_fresh_namespace_has_lo_alone(void **state)
{
	(void)state;
	assert_int_equal(count_links(), 1);
	assert_int_equal(find_link("lo").type, ARPHRD_LOOPBACK);
	assert_int_equal(find_link("lo").ifindex, 1);
}

static void devices_are_listed_with_type_and_name(void **state)
{
	(void)state;
	run("ip link add h0 type veth peer name exactly15octets");
	run("ip link add br0 type bridge");
	run("ip link set h0 master br0");
	run("ip tuntap add tun0 mode tun");
	run("ip tuntap add tap0 mode tap");
	assert_int_equal(find_link("h0").type, ARPHRD_ETHER);
	assert_int_equal(find_link("exactly15octets").type, ARPHRD_ETHER);
	assert_int_equal(find_link("br0").type, ARPHRD_ETHER);
	assert_int_equal(find_link("tun0").type, ARPHRD_NONE);
	assert_int_equal(find_link("tap0").type, ARPHRD_ETHER);
	assert_int_equal(count_links(), 6);
	assert_false(find_link("h0").is_indirect);
	assert_false(find_link("br0").is_indirect);
	assert_false(find_link("lo").is_indirect);
}

static void a_vlan_is_listed_like_its_parent(void **state)
{
	(void)state;
	run("ip link add h0 type veth peer name h1");
	if (!try("ip link add link h0 name h0.5 type vlan id 5"))
		skip();
	assert_int_equal(find_link("h0.5").type, ARPHRD_ETHER);
}

static void a_vrf_is_told_from_its_members(void **state)
{
	(void)state;
	run("ip link add h0 type veth peer name h1");
	if (!try("ip link add red type vrf table 100"))
		skip();
	run("ip link set h0 master red");
	assert_true(find_link("red").is_indirect);
	assert_int_equal(find_link("red").type, ARPHRD_ETHER);
	assert_false(find_link("h0").is_indirect);
}

static void a_device_that_is_renamed_has_its_new_name(void **state)
{
	uint32_t before;

	(void)state;
	run("ip link add h0 type veth peer name h1");
	before = find_link("h0").ifindex;
	run("ip link set h0 name vrf");
	assert_int_equal(find_link("vrf").ifindex, before);
	assert_false(find_link("vrf").is_indirect);
	run("ip link del dev vrf");
	assert_int_equal(count_links(), 1);
}

/* They take several datagrams, and more room than the first guess. */
static void hundreds_of_devices_are_all_listed(void **state)
{
	struct link *links = NULL;
	size_t count = 0;

	(void)state;
	run("for n in $(seq 300); do echo link add v$n type veth peer name w$n; done | ip -batch -");
	assert_int_equal(links_list(0, &links, &count), 0);
	assert_int_equal(count, 601);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(if_nametoindex(links[i].name), links[i].ifindex);
		for (size_t other = 0; other < i; other++)
			assert_int_not_equal(links[i].ifindex, links[other].ifindex);
	}
	free(links);
}

/*
 * Adds and removes devices as fast as it can, for containers that come and go. Each batch is short, so that the
 * last one ends soon after its parent.
 */
static pid_t start_churn(void)
{
	pid_t child = fork_child();

	while (child == 0)
		CHILD_CHECK(system("for n in 1 2 3 4 5 6 7 8 9; do echo link add x0 type veth peer name x1;"
				   " echo link del x0; done | ip -batch -") == 0);
	return child;
}

static void devices_that_come_and_go_meanwhile_do_not_spoil_the_list(void **state)
{
	pid_t churn;
	int failed = 0;

	(void)state;
	run("for n in $(seq 100); do echo link add v$n type veth peer name w$n; done | ip -batch -");
	churn = start_churn();
	for (int i = 0; i < 100 && !failed; i++) {
		struct link *links = NULL;
		size_t count = 0;

		failed = links_list(0, &links, &count);
		free(links);
		failed = failed ? failed : count < 201;
	}
	end_child(churn);
	assert_int_equal(failed, 0);
}

static void no_descriptor_is_left_open(void **state)
{
	unsigned int before = count_descriptors();

	(void)state;
	for (int i = 0; i < 10; i++)
		count_links();
	assert_int_equal(count_descriptors(), before);
}

static void an_answer_can_be_made_on_what_the_table_says(void **state)
{
	static const struct {
		const char *what;
		uint16_t type;
		bool is_fit;
	} table[] = {
		{ "Ethernet", ARPHRD_ETHER, true },
		{ "lo", ARPHRD_LOOPBACK, true },
		{ "TUN, WireGuard", ARPHRD_NONE, true },
		{ "raw IP (modems)", 519, true },
		{ "ipip", ARPHRD_TUNNEL, true },
		{ "ip6tnl", ARPHRD_TUNNEL6, true },
		{ "sit", ARPHRD_SIT, true },
		{ "gre", ARPHRD_IPGRE, true },
		{ "ip6gre", ARPHRD_IP6GRE, true },
		{ "PPP", ARPHRD_PPP, false },
		{ "InfiniBand", ARPHRD_INFINIBAND, false },
		{ "IEEE 802.15.4", ARPHRD_IEEE802154, false },
		{ "monitored Wi-Fi", ARPHRD_IEEE80211_RADIOTAP, false },
		{ "CAN", ARPHRD_CAN, false },
		{ "no type", ARPHRD_VOID, false },
		{ "netlink", ARPHRD_NETLINK, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct link link = { .ifindex = 2, .name = "x", .type = table[i].type };

		if (link_is_fit(&link) != table[i].is_fit)
			fail_msg("%s is%s fit", table[i].what, table[i].is_fit ? " not" : "");
		link.is_indirect = true;
		assert_false(link_is_fit(&link));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_fresh_namespace_has_lo_alone, enter_fresh_netns),
		cmocka_unit_test_setup(devices_are_listed_with_type_and_name, enter_fresh_netns),
		cmocka_unit_test_setup(a_vlan_is_listed_like_its_parent, enter_fresh_netns),
		cmocka_unit_test_setup(a_vrf_is_told_from_its_members, enter_fresh_netns),
		cmocka_unit_test_setup(a_device_that_is_renamed_has_its_new_name, enter_fresh_netns),
		cmocka_unit_test_setup(hundreds_of_devices_are_all_listed, enter_fresh_netns),
		cmocka_unit_test_setup(devices_that_come_and_go_meanwhile_do_not_spoil_the_list, enter_fresh_netns),
		cmocka_unit_test_setup(no_descriptor_is_left_open, enter_fresh_netns),
		cmocka_unit_test(an_answer_can_be_made_on_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
