# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make            build/stubsieve
# make deps       install what the build, the demo and the tests need (root)
# make demo       show the filter at work in a private lab (root)
# make check      run every test (root); `make unit` runs those that need no privilege
# make fuzz       search for inputs that break it, SECONDS=1200 a target; TARGETS, JOBS
# make stubs-table   how resolvers fare with the filter, measured anew: tests/stubs/RESULTS.md (root)
# make bench      measure the filter's cost (root)
# make simulate   what a fleet's resolvers get without its filters, into tools/simulator/ (make deps simulate)
# make simulate-check   the simulator's model against 220 network namespaces (root)
# make install    DESTDIR= PREFIX=/usr/local systemdunitdir=PREFIX/lib/systemd/system (none: no unit file)
# make kernels    boot other kernels and try it there; `make deps kernels` installs what that needs (Debian)
# make clean

VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
systemdunitdir ?= $(PREFIX)/lib/systemd/system

CC      ?= cc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool) bpftool)
PKG_CONFIG ?= pkg-config

LIBRARIES := libbpf libelf zlib libmnl jansson inih libseccomp
CFLAGS  ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wvla -Wunused-function
ALL_CFLAGS = -std=gnu11 $(WARNINGS) $(CFLAGS) -D_GNU_SOURCE -MMD -MP
LIB_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
LIB_LDLIBS = $(shell $(PKG_CONFIG) --libs $(LIBRARIES))

# The UAPI headers of a multiarch distribution lie in a directory of their own, which clang's bpf
# target does not know. Looked up when it is used: `make deps demo` installs the compiler first.
MULTIARCH = $(shell $(CC) -print-multiarch 2>/dev/null)
# Of which the kernel knows that they read words at any address (HAVE_EFFICIENT_UNALIGNED_ACCESS, whatever its options),
# of little-endian ones.
UNALIGNED = $(if $(filter x86_64-% aarch64-% powerpc64le-%,$(shell $(CC) -dumpmachine)),-DSIEVE_UNALIGNED)
BPF_CFLAGS = -std=gnu11 -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -MMD -MP -Iinclude -Ibpf $(UNALIGNED) \
             $(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH))

# What each layer may include: include <- bpf; include <- user/core <- user/io <- user/cli.
CORE_INCLUDES := -Iinclude -Iuser/core
IO_INCLUDES    = $(CORE_INCLUDES) -Iuser/io -Ibpf -isystem $(BUILD)/skeleton $(LIB_CFLAGS)
CLI_INCLUDES   = $(CORE_INCLUDES) -Iuser/io -Iuser/cli -Ibpf $(LIB_CFLAGS)

objects = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard $(1)/*.c)))
CORE_OBJECTS := $(call objects,user/core)
IO_OBJECTS   := $(call objects,user/io)
CLI_OBJECTS  := $(call objects,user/cli)
SKELETON     := $(BUILD)/skeleton/stubsieve.skel.h
PLAIN        := $(BUILD)/skeleton/stubsieve_plain.skel.h

.PHONY: all
all: $(BUILD)/stubsieve

$(BUILD)/stubsieve: $(CLI_OBJECTS) $(IO_OBJECTS) $(CORE_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

$(BUILD)/user/core/%.o: user/core/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CORE_INCLUDES) -c -o $@ $<

$(BUILD)/user/io/%.o: user/io/%.c | $(SKELETON) $(PLAIN)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(IO_INCLUDES) -c -o $@ $<

# A system header to the compiler, for the sake of its warnings, so it is not in the dependency files.
$(BUILD)/user/io/programs.o: $(SKELETON)
$(BUILD)/user/io/skeleton.o: $(SKELETON) $(PLAIN)

$(BUILD)/user/cli/%.o: user/cli/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CLI_INCLUDES) -DSTUBSIEVE_VERSION='"$(VERSION)"' -c -o $@ $<

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

# The same programs, for where no kernel function can be looked for: user/io/skeleton.h.
$(BUILD)/bpf/stubsieve_plain.bpf.o: bpf/stubsieve.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -DSIEVE_WITHOUT_KFUNCS -c -o $@ $<

# Between the source and the skeleton, but to be looked at, too.
.PRECIOUS: $(BUILD)/bpf/%.bpf.o

# bpftool writes to a file of its own first: a failed run leaves no half skeleton behind.
$(BUILD)/skeleton/%.skel.h: $(BUILD)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@.new
	mv $@.new $@

include tests/tests.mk
include tools/bench/bench.mk
include tools/kernels/kernels.mk
include tools/simulator/simulator.mk

# `make deps demo` does without what the tests alone need, `make deps simulate` without these and with what the
# simulator needs, `make deps kernels` wants more.
DEPS_FOR = $(if $(filter kernels%,$(MAKECMDGOALS)),kernels,$(if $(filter check,$(MAKECMDGOALS)),,$(filter \
	demo simulate,$(MAKECMDGOALS))))

.PHONY: deps
deps:
	tools/deps.sh $(DEPS_FOR)

.PHONY: demo
demo: $(BUILD)/stubsieve $(BUILD)/tests/stubs/musl $(addprefix $(BUILD)/tests/tools/,ask tun-hold)
	tools/lab/demo.sh

.PHONY: install
install: $(BUILD)/stubsieve
	install -D -m 0755 $(BUILD)/stubsieve $(DESTDIR)$(PREFIX)/sbin/stubsieve
ifneq ($(systemdunitdir),)
	install -d $(DESTDIR)$(systemdunitdir)
	sed 's|/usr/sbin/|$(PREFIX)/sbin/|' tools/packaging/systemd/stubsieve.service > $(DESTDIR)$(systemdunitdir)/stubsieve.service
	chmod 0644 $(DESTDIR)$(systemdunitdir)/stubsieve.service
endif
	install -D -m 0644 tools/packaging/stubsieve.conf $(DESTDIR)$(PREFIX)/share/doc/stubsieve/stubsieve.conf

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
