# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/fuzz/NAME.c   a libFuzzer target; seeds.c makes the inputs that they begin with, NAME.dict has words for them
# tests/fuzz/fuzz.sh  runs them: for some seconds in `make check`, for long in `make fuzz`

FUZZ_PROGRAMS := $(patsubst %.c,$(BUILD)/fuzz/%,$(notdir $(sort $(wildcard tests/fuzz/*.c))))
FUZZ_TESTS    := tests/fuzz/fuzz.sh

# Whatever sanitizer speaks, the input is a finding. libFuzzer is looked for when the recipe runs, as compilers are.
SANITIZERS  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# clang minds { NULL } for a structure, and the casts in macros of the kernel and of libmnl.
FUZZ_CFLAGS  = $(ALL_CFLAGS) -Wno-missing-field-initializers -Wno-cast-qual $(SANITIZERS)
FUZZ_INCLUDES = $(CORE_INCLUDES) -Iuser/io -Ibpf $(LIB_CFLAGS)
LIBFUZZER    = $(eval LIBFUZZER := $(shell echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
	$(CLANG) -x c - $(SANITIZERS) -fsanitize=fuzzer -o /dev/null 2>/dev/null && echo yes))$(LIBFUZZER)

# What is under test, as an archive, of which a target takes what it calls.
FUZZED_IO := names netlink links rtnl_dump rtnl_monitor rtnl_routes rtnl_survey servers
FUZZED    := $(patsubst $(BUILD)/%,$(BUILD)/fuzz/objects/%,$(CORE_OBJECTS) $(FUZZED_IO:%=$(BUILD)/user/io/%.o))

$(BUILD)/fuzz/objects/%.o: %.c
	@mkdir -p $(@D)
	$(if $(LIBFUZZER),$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link $(FUZZ_INCLUDES) -c -o $@ $<)

$(BUILD)/fuzz/fuzzed.a: $(FUZZED)
	$(if $(LIBFUZZER),rm -f $@ && $(AR) rcs $@ $(FUZZED))

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/fuzzed.a
	@mkdir -p $(@D)
	$(if $(LIBFUZZER),$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(FUZZ_INCLUDES) -Itests -o $@ $< \
		$(BUILD)/fuzz/fuzzed.a $(FUZZ_LDLIBS),@echo "no libFuzzer: $* is left out")

$(addprefix $(BUILD)/fuzz/,answer differential response): FUZZ_LDLIBS = -lldns

# The kernel of netlink.h in the place of these.
$(BUILD)/fuzz/netlink: FUZZ_LDLIBS = $(patsubst %,-Wl$(comma)--wrap=%,socket setsockopt send recvmsg recvmmsg ioctl \
	close $(addprefix mnl_socket_,open2 bind setsockopt get_fd close)) $(LIB_LDLIBS)
$(addprefix $(BUILD)/fuzz/,route config file): FUZZ_LDLIBS = $(LIB_LDLIBS)
comma := ,

$(BUILD)/fuzz/seeds: tests/fuzz/seeds.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CORE_INCLUDES) -Itests -o $@ $<

# SECONDS means something to bash, so it has another name there.
.PHONY: fuzz
fuzz: $(FUZZ_PROGRAMS)
	BUILD=$(BUILD) FUZZ_SECONDS=$(or $(SECONDS),1200) TARGETS="$(TARGETS)" JOBS=$(JOBS) tests/fuzz/fuzz.sh
