/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One network namespace under control: its rtnetlink subscription, what the last survey saw, what is
 * published of it, and what the programs are attached to in it. The calling thread is in that namespace, but
 * for namespace_read(), namespace_trigger() and namespace_due().
 */
#ifndef STUBSIEVE_NAMESPACE_H
#define STUBSIEVE_NAMESPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stubsieve/abi.h>

#include "attach.h"
#include "config.h"
#include "connectivity.h"
#include "coverage.h"
#include "error.h"
#include "pace.h"
#include "programs.h"
#include "rtnl.h"
#include "settle.h"

struct namespace {
	uint32_t inum;
	uint64_t cookie; /* SO_NETNS_COOKIE, 0 before Linux 5.14 */
	bool is_own;     /* the controller's own: gateways are there alone */
	const struct config *config;
	struct programs *programs;
	struct rtnl_monitor *monitor;
	struct connectivity seen; /* by the last clean survey; all zero before the first */
	bool is_clean;            /* the last survey was */
	bool is_overrun;          /* ... not, because it took too long */
	uint64_t surveyed_at;     /* when the last one ended, clean or not */
	uint64_t work_ns;         /* how long it took, with what was to be attached to */
	uint64_t surveys, overflows, overruns;
	struct settle settle;
	struct pace pace;
	/*
	 * Messages were lost, and may still be: the kernel says so once, and drops more without a word until the
	 * socket has been read empty. So only a survey after that has seen everything.
	 */
	bool is_congested;
	struct sieve_netns published;
	struct coverage *coverage; /* NULL unless `results` is `covered` */
	bool attaches;
	bool links_changed;
	struct attachments attachments;
	char attach_error[512]; /* the last one that was told of, to tell it once */
	uint64_t tell_at;       /* no other before */
};

/* Subscribe, survey, publish; attach nothing yet. The namespace keeps `config` and `programs`. */
int namespace_open(struct namespace *namespace, const struct config *config, struct programs *programs, bool is_own,
		   struct error *error);

/* It was followed before, by another configuration: what settles goes on with that, and what is told of it. */
void namespace_carry(struct namespace *namespace, const struct namespace *before);

/* Is everything known that can be, for as long as nothing changes? Addresses may still be listed. */
bool namespace_is_known(const struct namespace *namespace);

/* Take the filter away, and what is published; or the latter alone, from wherever the thread is. */
void namespace_remove(struct namespace *namespace);
void namespace_withdraw(struct namespace *namespace);

/* What is attached stays. */
void namespace_close(struct namespace *namespace);

/*
 * Attach to the interfaces, from now on also to those that come. Those that cannot be attached to are told of;
 * it is an error if there is no other. -EAGAIN: it takes more time than it may take at once; some are left.
 */
int namespace_attach(struct namespace *namespace, bool has_tcx, struct error *error);

/* The monitor's socket is readable. */
void namespace_read(struct namespace *namespace, uint64_t now);

/* Something suggests another survey. */
void namespace_trigger(struct namespace *namespace, uint64_t now);

/* Do what is due. When there is something to do by itself: namespace_due(), perhaps in the past. */
void namespace_work(struct namespace *namespace, uint64_t now);
uint64_t namespace_due(const struct namespace *namespace);

/* One turn of what `results = covered` needs, where coverage_due() says so. */
void namespace_cover(struct namespace *namespace);

/*
 * Look at everything for people: `default` and `address`, too. It takes as long as the tables are large. 0, or
 * -errno: the kernel's tables changed time and again, or it took longer than the budget.
 */
int namespace_detail(const struct namespace *namespace, uint64_t budget_ns, struct connectivity *ret_detail);

#endif
