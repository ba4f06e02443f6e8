/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What other versions have counted. As long as programs of theirs can be at work, their counters are read together with
 * ours; then they are added to the map `carried`, under their names, and their pins are no longer needed.
 */
#ifndef STUBSIEVE_CARRY_H
#define STUBSIEVE_CARRY_H

#include <stddef.h>
#include <stdint.h>
#include <stubsieve/abi.h>

struct carry_source {
	int version;
	uint32_t id; /* of the map `counters` */
	int counters_fd;
	struct sieve_counter_name *names; /* of its entries */
	uint32_t count;
};

struct carry {
	int counters_fd, carried_fd; /* not ours to close */
	uint32_t id; /* of our map `counters` */
	int cpus;
	uint64_t *values; /* one for each CPU */
	char *pin_dir;    /* NULL: there are no sources */
	struct carry_source *sources;
	size_t count;
};

/* Find the counters of other versions in pin_dir (NULL: there are none); without the map `carried` (-1) nothing was. Writes nothing. 0 or -errno. */
int carry_open(const char *pin_dir, int counters_fd, int carried_fd, struct carry *ret_carry);
void carry_close(struct carry *carry);

/* Before our programs count: name our counters in their record, and what another version began to carry is ours again. */
int carry_begin(const struct carry *carry, int names_fd);

/* What was counted, by us and by others. */
int carry_totals(const struct carry *carry, uint64_t ret_counters[SIEVE_COUNTERS]);

/* What was counted under names that this version does not know; in any order, each once. */
typedef void (*carry_callback)(const char *name, uint64_t value, void *data);
void carry_each_unknown(const struct carry *carry, carry_callback callback, void *data);

/*
 * No program of another version is attached any more: add what theirs counted to `carried`. It can be cut short and done
 * again at any point. Then the pins of their counters go; the others are the caller's to remove.
 */
int carry_take(struct carry *carry, const char *pin_dir);

#endif
