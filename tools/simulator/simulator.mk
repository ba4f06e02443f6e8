# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make simulate        what a fleet's resolvers get when it loses its filters: tools/simulator/RESULTS.md and its plot
# make simulate-check  the same model against 220 network namespaces (root): reality.txt, for RESULTS.md
#
# The first needs gnuplot, which nothing else does: make deps simulate

SIMULATOR := $(BUILD)/tools/simulator

$(SIMULATOR)/%.o: tools/simulator/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(IO_INCLUDES) -DFLEET_BUILD='"$(BUILD)"' -c -o $@ $<

$(SIMULATOR)/fleet: $(SIMULATOR)/fleet_host.o

$(SIMULATOR)/simulate $(SIMULATOR)/fleet: %: %.o $(IO_OBJECTS) $(CORE_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB_LDLIBS) -lm

$(SIMULATOR)/other_user.so: tools/simulator/other_user.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -shared -fPIC -o $@ $<

.PHONY: simulate
simulate: $(SIMULATOR)/simulate
	$(SIMULATOR)/simulate --csv $(SIMULATOR)/load.csv > $(SIMULATOR)/tables.md
	gnuplot -e "csv='$(SIMULATOR)/load.csv'" tools/simulator/load.gp > tools/simulator/load.svg
	tools/simulator/results.sh $(abspath $(SIMULATOR))/tables.md > tools/simulator/RESULTS.md

.PHONY: simulate-check
simulate-check: tests $(SIMULATOR)/other_user.so
	BUILD=$(BUILD) HOSTS=220 RATE=10 AFTER=2 SPREAD=10 RAMP=8 CSV=$(abspath $(SIMULATOR))/reality.csv \
		TEST_TIMEOUT=1200 tests/run tests/netns/fleet.sh
	sed -n 's/^ *\(killed\|ramped\) /\1 /p' $(BUILD)/tests/log/tests-netns-fleet.sh.log > tools/simulator/reality.txt
