# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The programs, the tests and the controller on other kernels: tools/kernels/matrix says how.
#
# make kernels         KERNELS="5.10 6.1 6.12 newest" KERNELS_REQUIRED=4
# make kernels-fresh   the newest of each series is looked for, and downloaded
# make kernels-table   like kernels; writes tools/kernels/RESULTS.md

KERNELS ?= 5.10 6.1 6.12 newest

$(BUILD)/tools/kernels/verified: tools/kernels/verified.c | $(SKELETON)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(IO_INCLUDES) -Itests -Itests/kernel -o $@ $< $(LIB_LDLIBS) $(CMOCKA_LDLIBS)

# The skeleton is a system header to the compiler, so not in the dependency file.
$(BUILD)/tools/kernels/verified: $(SKELETON)

GUEST_PROGRAMS := $(BUILD)/stubsieve $(KERNEL_TESTS) $(TEST_TOOLS) $(BUILD)/tools/kernels/verified

.PHONY: kernels
kernels: $(GUEST_PROGRAMS)
	BUILD=$(BUILD) tools/kernels/matrix $(KERNELS)

.PHONY: kernels-table
kernels-table: kernels
	cp $(BUILD)/kernels/RESULTS.md tools/kernels/RESULTS.md

.PHONY: kernels-fresh
kernels-fresh:
	for series in $(KERNELS); do tools/kernels/fetch --fresh $$series || exit; done
