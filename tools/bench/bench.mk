# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
BENCH_TOOLS := $(patsubst %.c,$(BUILD)/%,$(wildcard tools/bench/*.c))

$(BUILD)/tools/bench/%: tools/bench/%.c $(IO_OBJECTS) $(CORE_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(IO_INCLUDES) -Itests -o $@ $< $(IO_OBJECTS) $(CORE_OBJECTS) $(LIB_LDLIBS) $(CMOCKA_LDLIBS)

.PHONY: bench
bench: $(BUILD)/stubsieve $(BENCH_TOOLS)
	BUILD=$(BUILD) tools/bench/bench.sh

.PHONY: bench-routes
bench-routes: tests
	BUILD=$(BUILD) tools/bench/routes.sh
