/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The verdict: may this query be answered? A pure function of the question, the policy, what the
 * controller says of the network namespace, and facts that the caller looked up. The kernel, the
 * tests and `stubsieve explain` compile the same source.
 */
#ifndef STUBSIEVE_DECIDE_H
#define STUBSIEVE_DECIDE_H

#include "dns.h"

/* Facts about the sender, the name and the state, as bits. */
enum sieve_fact {
	SIEVE_FACT_SCOPE = 1 << 0,          /* the sender's nearest listed cgroup is a scope */
	SIEVE_FACT_EXEMPT_CGROUP = 1 << 1,  /* ... or an exempt one */
	SIEVE_FACT_EXEMPT_NAME = 1 << 2,
	SIEVE_FACT_ASKED = 1 << 3,          /* this family is always asked under this suffix */
	SIEVE_FACT_STALE = 1 << 4,          /* the heartbeat is too old */
	SIEVE_FACT_RAMP = 1 << 5,           /* the name is among those that pass during `stop --ramp` */
	/* Dear ones, looked up only when the rest speaks for an answer: */
	SIEVE_FACT_CHANGED = 1 << 6,        /* the kernel's generation is not the state's */
	SIEVE_FACT_NAT = 1 << 7,
	SIEVE_FACT_SERVES_OTHERS = 1 << 8,
};

/* The reason that a family's connectivity gives; none if a query for it is useless. */
SIEVE_INLINE enum sieve_reason sieve_connectivity_reason(__u8 connectivity)
{
	switch (connectivity) {
	case SIEVE_USELESS:
		return SIEVE_REASON_NONE;
	case SIEVE_OFFLINE:
		return SIEVE_REASON_offline;
	case SIEVE_SETTLING:
		return SIEVE_REASON_settling;
	case SIEVE_NAT64:
		return SIEVE_REASON_nat64;
	default:
		return SIEVE_REASON_connected;
	}
}

/* `netns` is NULL where the namespace is not known. */
SIEVE_INLINE enum sieve_reason sieve_decide(const struct sieve_question *question, const struct sieve_policy *policy,
					    const struct sieve_netns *netns, __u32 facts)
{
	enum sieve_reason reason;

	if (question->dnssec && !policy->dnssec_answer)
		return SIEVE_REASON_dnssec;
	if (facts & SIEVE_FACT_EXEMPT_CGROUP)
		return SIEVE_REASON_exempt_cgroup;
	if (!(facts & SIEVE_FACT_SCOPE) && !policy->whole_host)
		return SIEVE_REASON_scope;
	if (facts & SIEVE_FACT_EXEMPT_NAME)
		return SIEVE_REASON_exempt_name;
	if (facts & SIEVE_FACT_ASKED)
		return SIEVE_REASON_asked;
	if (!(policy->families & 1 << (question->family & 1)))
		return SIEVE_REASON_family;
	if (!netns)
		return SIEVE_REASON_unknown_netns;
	if (facts & SIEVE_FACT_STALE)
		return SIEVE_REASON_stale;
	reason = sieve_connectivity_reason(netns->connectivity[question->family & 1]);
	if (!reason && facts & SIEVE_FACT_RAMP)
		return SIEVE_REASON_ramp;
	return reason;
}

/* The last look, after sieve_decide() found no reason. */
SIEVE_INLINE enum sieve_reason sieve_confirm(const struct sieve_policy *policy, __u32 facts)
{
	if (facts & SIEVE_FACT_CHANGED)
		return SIEVE_REASON_changed;
	if (facts & SIEVE_FACT_NAT)
		return SIEVE_REASON_nat;
	if (facts & SIEVE_FACT_SERVES_OTHERS && !policy->filter_servers)
		return SIEVE_REASON_serves_others;
	return SIEVE_REASON_NONE;
}

#endif
