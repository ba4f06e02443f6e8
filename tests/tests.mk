# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/unit/NAME.c     a cmocka program for the host: links user/core, includes the pure headers of bpf/
# tests/kernel/NAME.c   a cmocka program that loads the BPF object: links user/core and user/io (root)
# tests/tools/NAME.c    a small program that the shell tests use
# tests/stubs/          resolver clients: c-ares, Go, Java, ...; glibc and musl are tests/tools/lookup.c
# tests/netns/NAME.sh, tests/stubs/NAME.sh, tests/faults/NAME.sh   shell tests in private namespaces (root)

UNIT_TESTS   := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/*.c)))
KERNEL_TESTS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/kernel/*.c)))
TEST_TOOLS   := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/tools/*.c)))
SHELL_TESTS  := $(sort $(wildcard tests/netns/*.sh tests/stubs/*.sh tests/faults/*.sh))
CMOCKA_LDLIBS = $(shell $(PKG_CONFIG) --libs cmocka)
CORE_LDLIBS = $(shell $(PKG_CONFIG) --libs inih)

# A resolver client is built where its compiler or library is there; the tests skip the others. These
# are looked for when the recipe runs: `make deps check` installs them first. On a musl system the C
# compiler is musl's.
MUSL_CC = $(firstword $(shell command -v musl-gcc) $(shell $(CC) -dumpmachine | grep -q musl && echo $(CC)))
GO      = $(shell command -v go)
JAVAC   = $(firstword $(shell command -v javac) $(shell command -v ecj))
CARES   = $(shell $(PKG_CONFIG) --exists libcares && echo yes)
STUBS  := $(addprefix $(BUILD)/tests/stubs/,musl cares go java/Lookup.class)
TEST_TOOLS += $(STUBS) $(addprefix $(BUILD)/tools/simulator/,simulate fleet)

include tests/fuzz/fuzz.mk

$(BUILD)/tests/unit/%: tests/unit/%.c $(CORE_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CORE_INCLUDES) -Ibpf -Itests -o $@ $< $(CORE_OBJECTS) $(CORE_LDLIBS) $(CMOCKA_LDLIBS)

# What takes octets from strangers once more with every access watched; Alpine's compiler has no library for it.
ifeq ($(wildcard /etc/alpine-release),)
UNIT_TESTS += $(BUILD)/tests/unit/response-watched
endif

$(BUILD)/tests/unit/%-watched: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=address,undefined -fno-sanitize-recover=all $(CORE_INCLUDES) -Ibpf -Itests -o $@ $< \
		$(CMOCKA_LDLIBS)

$(BUILD)/tests/kernel/%: tests/kernel/%.c $(IO_OBJECTS) $(CORE_OBJECTS) | $(SKELETON)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(IO_INCLUDES) -Itests -o $@ $< $(IO_OBJECTS) $(CORE_OBJECTS) $(LIB_LDLIBS) $(CMOCKA_LDLIBS) \
		$(TEST_LDLIBS)

$(addprefix $(BUILD)/tests/kernel/,captures captured-responses): TEST_LDLIBS = -lldns -lpcap
$(BUILD)/tests/kernel/fuzz: TEST_LDLIBS = -lldns
$(BUILD)/tests/tools/wire-vectors: TEST_LDLIBS = -lldns

$(BUILD)/tests/tools/%: tests/tools/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(TOOL_LDLIBS)

TEST_TOOLS := $(filter-out %/shifted-clock,$(TEST_TOOLS)) $(BUILD)/tests/tools/shifted-clock.so

$(BUILD)/tests/tools/%.so: tests/tools/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# wire-*: with the messages of vectors.h, with threads and libbpf
$(BUILD)/tests/tools/wire-%: tests/tools/wire-%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Iinclude -Itests $(LIB_CFLAGS) -o $@ $< -pthread $(LIB_LDLIBS) $(TEST_LDLIBS)

$(BUILD)/tests/tools/coverage-map: tests/tools/coverage-map.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Iinclude $(LIB_CFLAGS) -o $@ $< $(LIB_LDLIBS)

$(BUILD)/tests/stubs/musl: tests/tools/lookup.c
	@mkdir -p $(@D)
	$(if $(MUSL_CC),$(MUSL_CC) $(ALL_CFLAGS) -static -o $@ $<,@echo "no musl-gcc: its client is left out")

$(BUILD)/tests/stubs/cares: tests/stubs/cares.c
	@mkdir -p $(@D)
	$(if $(CARES),$(CC) $(ALL_CFLAGS) -Itests $(shell $(PKG_CONFIG) --cflags libcares) -o $@ $< \
		$(shell $(PKG_CONFIG) --libs libcares),@echo "no c-ares: its client is left out")

$(BUILD)/tests/stubs/go: tests/stubs/go/lookup.go
	@mkdir -p $(@D)
	$(if $(GO),CGO_ENABLED=0 GO111MODULE=off GOFLAGS= GOCACHE=$(abspath $(BUILD))/go-cache \
		$(GO) build -tags netgo -o $@ $<,@echo "no Go: its client is left out")

$(BUILD)/tests/stubs/java/Lookup.class: tests/stubs/java/Lookup.java
	@mkdir -p $(@D)
	$(if $(JAVAC),$(JAVAC) -d $(@D) $<,@echo "no Java compiler: its client is left out")

# Another version of the program, to upgrade to and to come back from: built from a copy of the source.
NEXT_VERSION := $(BUILD)/tests/next/stubsieve

$(NEXT_VERSION): tests/next-version Makefile $(wildcard bpf/* include/stubsieve/* user/*/*.[ch])
	tests/next-version $(@D)/tree
	$(MAKE) -C $(@D)/tree BUILD=build build/stubsieve
	cp $(@D)/tree/build/stubsieve $@

.PHONY: tests
tests: $(BUILD)/stubsieve $(NEXT_VERSION) $(UNIT_TESTS) $(KERNEL_TESTS) $(TEST_TOOLS) $(FUZZ_PROGRAMS)

.PHONY: unit
unit: $(UNIT_TESTS)
	BUILD=$(BUILD) tests/run $(UNIT_TESTS)

# What takes as long in each lane of tests/run.
BESIDE := $(sort $(wildcard tests/faults/*.sh tests/stubs/*.sh)) \
	$(addprefix tests/netns/,fleet.sh many-namespaces.sh simulator.sh unit-file.sh upgrade.sh usage.sh \
		wire.sh)

.PHONY: check
check: tests
	BUILD=$(BUILD) tests/run $(filter-out $(BESIDE),$(SHELL_TESTS)) -- $(UNIT_TESTS) $(KERNEL_TESTS) $(FUZZ_TESTS) $(BESIDE)

# The controller once more with every access to memory watched, through the tests that strain it most.
WATCHED_TESTS := $(addprefix tests/netns/,containers.sh coverage.sh lifecycle.sh moving-interfaces.sh pin-directory.sh \
	ramp.sh reload.sh reload-changes.sh upgrade.sh) \
	$(sort $(wildcard tests/faults/*.sh)) $(addprefix $(BUILD)/watched/tests/kernel/,namespaces namespace scope attach)

.PHONY: check-memory
check-memory: tests
	$(MAKE) BUILD=$(BUILD)/watched CFLAGS="-O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer" \
		$(BUILD)/watched/stubsieve $(filter $(BUILD)/watched/%,$(WATCHED_TESTS))
	BUILD=$(BUILD) TEST_TIMEOUT=900 tests/watched $(BUILD)/watched $(WATCHED_TESTS)

# The resolver suite once more, with more rounds, and what it found as a table.
STUB_SUITE := $(addprefix tests/stubs/,libc.sh languages.sh tools.sh forwarders.sh)

.PHONY: stubs-table
stubs-table: tests
	BUILD=$(BUILD) ROUNDS=6 TEST_TIMEOUT=1500 tests/run $(STUB_SUITE)
	BUILD=$(BUILD) tests/stubs/table > tests/stubs/RESULTS.md.new
	mv tests/stubs/RESULTS.md.new tests/stubs/RESULTS.md
