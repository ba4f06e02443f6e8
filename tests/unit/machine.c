/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "machine.h"

static void kernel_releases_are_compared_as_numbers(void **state)
{
	(void)state;
	assert_true(machine_is_at_least("5.10.0-46-amd64", 5, 10));
	assert_true(machine_is_at_least("5.11", 5, 10));
	assert_true(machine_is_at_least("6.1.0", 5, 10));
	assert_true(machine_is_at_least("10.0-rc1", 5, 10));
	assert_true(machine_is_at_least("6", 5, 10));
	assert_false(machine_is_at_least("5.9.16", 5, 10));
	assert_false(machine_is_at_least("5.4", 5, 10));
	assert_false(machine_is_at_least("4.19.0", 5, 10));
	assert_false(machine_is_at_least("2.6.78", 5, 10));
	assert_false(machine_is_at_least("5", 5, 10));
	assert_false(machine_is_at_least("", 5, 10));
	assert_false(machine_is_at_least("rolling", 5, 10));
}

static void lockdown_is_what_stands_in_brackets(void **state)
{
	(void)state;
	assert_true(machine_is_confidential("none integrity [confidentiality]\n"));
	assert_false(machine_is_confidential("none [integrity] confidentiality\n"));
	assert_false(machine_is_confidential("[none] integrity confidentiality\n"));
	assert_false(machine_is_confidential(""));
}

static void cgroups_of_v1_count_where_they_are_mounted(void **state)
{
	static const char text[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
				   "cpu\t2\t7\t1\n"
				   "net_cls\t3\t5\t1\n"
				   "net_prio\t0\t12\t1\n";

	(void)state;
	assert_int_equal(machine_cgroups_v1(text, "net_cls"), 5);
	assert_int_equal(machine_cgroups_v1(text, "net_prio"), 0);
	assert_int_equal(machine_cgroups_v1(text, "net"), 0);
	assert_int_equal(machine_cgroups_v1(text, "net_cls_"), 0);
	assert_int_equal(machine_cgroups_v1("", "net_cls"), 0);
	assert_int_equal(machine_cgroups_v1("net_cls\t3", "net_cls"), 0);
}

static void only_the_whole_map_is_the_initial_user_namespace(void **state)
{
	(void)state;
	assert_true(machine_is_initial_userns("         0          0 4294967295\n"));
	assert_false(machine_is_initial_userns("         0     100000      65536\n"));
	assert_false(machine_is_initial_userns("         0          0          1\n"));
	assert_false(machine_is_initial_userns("         0       1000          1\n"));
	assert_false(machine_is_initial_userns(""));
}

static void modules_count_that_are_asked_before_dns(void **state)
{
	(void)state;
	assert_true(machine_asks_before_dns("passwd: files\nhosts:  files resolve [!UNAVAIL=return] dns\n", "resolve"));
	assert_true(machine_asks_before_dns("hosts: mymachines resolve", "resolve"));
	assert_true(machine_asks_before_dns(" hosts:\tresolve dns\n", "resolve"));
	assert_true(machine_asks_before_dns("hosts:resolve\n", "resolve"));
	assert_false(machine_asks_before_dns("hosts: files dns resolve\n", "resolve"));
	assert_false(machine_asks_before_dns("hosts: files dns\npasswd: resolve\n", "resolve"));
	assert_false(machine_asks_before_dns("#hosts: resolve\nhosts: files dns\n", "resolve"));
	assert_false(machine_asks_before_dns("hosts: files # resolve dns\n", "resolve"));
	assert_false(machine_asks_before_dns("hosts: resolved dns\n", "resolve"));
	assert_false(machine_asks_before_dns("", "resolve"));
}

static void resolver_options_are_words_of_their_own(void **state)
{
	(void)state;
	assert_true(machine_has_resolver_option("nameserver 192.0.2.1\noptions edns0 use-vc\n", "use-vc"));
	assert_true(machine_has_resolver_option("options edns0\noptions\tuse-vc", "use-vc"));
	assert_false(machine_has_resolver_option("options use-vcs no-use-vc\n", "use-vc"));
	assert_false(machine_has_resolver_option("# options use-vc\n", "use-vc"));
	assert_false(machine_has_resolver_option("; options use-vc\n", "use-vc"));
	assert_false(machine_has_resolver_option("options # use-vc\n", "use-vc"));
	assert_false(machine_has_resolver_option("search use-vc\n", "use-vc"));
	assert_false(machine_has_resolver_option("", "use-vc"));
}

static void of_resolved_the_last_value_in_its_section_counts(void **state)
{
	char value[16] = "before";

	(void)state;
	assert_false(machine_resolved_value("[Resolve]\n#DNSOverTLS=yes\n;DNSOverTLS=yes\nDNS=1\n", "DNSOverTLS", value, sizeof(value)));
	assert_false(machine_resolved_value("DNSOverTLS=yes\n[Other]\nDNSOverTLS=yes\n", "DNSOverTLS", value, sizeof(value)));
	assert_false(machine_resolved_value("[Resolve]\nDNSOverTLS\n", "DNSOverTLS", value, sizeof(value)));
	assert_string_equal(value, "before");
	assert_true(machine_resolved_value("[Resolve]\nDNSOverTLS=no\n  DNSOverTLS = opportunistic \n[X]\nDNSOverTLS=no\n",
					   "DNSOverTLS", value, sizeof(value)));
	assert_string_equal(value, "opportunistic");
	assert_true(machine_resolved_value("[Resolve]\nDNSOverTLS=\n", "DNSOverTLS", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(machine_resolved_value("[Resolve]\nDNSOverTLS=a very long value indeed\n", "DNSOverTLS", value, sizeof(value)));
	assert_int_equal(strlen(value), sizeof(value) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_releases_are_compared_as_numbers),
		cmocka_unit_test(lockdown_is_what_stands_in_brackets),
		cmocka_unit_test(cgroups_of_v1_count_where_they_are_mounted),
		cmocka_unit_test(only_the_whole_map_is_the_initial_user_namespace),
		cmocka_unit_test(modules_count_that_are_asked_before_dns),
		cmocka_unit_test(resolver_options_are_words_of_their_own),
		cmocka_unit_test(of_resolved_the_last_value_in_its_section_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
