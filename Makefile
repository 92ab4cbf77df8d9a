# One non-recursive make. Each folder lists its sources in build.mk; nothing is found by wildcard.
#   make             the programs, hardened            build/release/bin
#   make test        unit tests, fuzz corpora, plays, peers; sanitizers on
#   make check       layers, reference pages, unit tests only
#   make reference   docs/admin/settings.md and commands.md, from the tables in the code
#   make fuzz        a short bounded run of each fuzz target
#   make image       the disk that people flash, for boxes and virtual machines (as root): build/image
#   make image-test  that disk, started in virtual machines
#   make bench       figures against Prosody, ejabberd, Kamailio and coturn
VARIANT ?= release
O := build/$(VARIANT)

CC := gcc
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Werror
CFLAGS_release := -O2 -g -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2
LDFLAGS_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS_asan := -fsanitize=address,undefined
# gcc knows that macros of libseccomp leave fields to zero; clang warns.
CFLAGS_fuzz := -Wno-missing-field-initializers -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
LDFLAGS_fuzz := -fsanitize=address,undefined
ifeq ($(VARIANT),fuzz)
CC := clang
endif

CPPFLAGS := -D_GNU_SOURCE -Ilib -isystem /usr/include/sofia-sip-1.12 -MMD -MP
CFLAGS := -std=gnu17 $(WARN) $(CFLAGS_$(VARIANT))
LDFLAGS := $(LDFLAGS_$(VARIANT))

# Filled by the build.mk files:
#   LIBS      names of lib layers; lib_NAME_SRCS
#   TOOLS     programs of tests, not installed (as PROGS)
#   PROGS     programs; PROG_SRCS, PROG_LIBS (layers, highest first), PROG_LD (linker flags)
#   UNIT      unit tests beside their files, without .c; NAME_LIBS and NAME_LD by basename;
#             NAME_SRCS for files of a product folder that the test links
#   FUZZ      fuzz targets in tests/fuzz, likewise
LIBS :=
PROGS :=
TOOLS :=
UNIT :=
FUZZ :=

# In order of their layers; one a line.
DIRS := lib/base \
	lib/proto \
	lib/run \
	lib/net \
	lib/sip \
	lib/db \
	gateway/switch \
	gateway/access \
	federation/xmpp \
	federation/sip \
	sip-xmpp \
	gateway/line \
	gateway/proxy \
	gateway/link \
	turn \
	turn/xdp \
	core/im \
	core/store \
	core/files \
	core/publish \
	core/dir \
	core/comply \
	core/scan \
	firmware/super \
	firmware/keys \
	firmware/conf \
	firmware/log \
	firmware/shell \
	firmware/admin \
	firmware/capture \
	firmware/update \
	firmware/priv \
	firmware/time \
	firmware/pki \
	firmware/dhcp \
	firmware/dns \
	firmware/ssh \
	firmware/snmp \
	image \
	demo \
	tests/fuzz \
	tests/play \
	tests/load \
	tests/peer/agents
include $(wildcard $(addsuffix /build.mk,$(DIRS)))

.PHONY: all image image-test image-test-all prog-list tools test check check-layers check-reference reference unit unit-bins fuzz-bins bench clean
.DEFAULT_GOAL := all
all: $(addprefix $(O)/bin/,$(PROGS))
tools: $(addprefix $(O)/bin/,$(TOOLS))

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

define lib_rule
$(O)/lib/lib$(1).a: $(patsubst %.c,$(O)/obj/%.o,$(lib_$(1)_SRCS))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call lib_rule,$(l))))

# $(1) output, $(2) sources, $(3) layers, $(4) linker flags
define link_rule
$(1): $(patsubst %.c,$(O)/obj/%.o,$(2)) $(patsubst %,$(O)/lib/lib%.a,$(3))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$^ $(4)
endef
$(foreach p,$(PROGS) $(TOOLS),$(eval $(call link_rule,$(O)/bin/$(p),$($(p)_SRCS),$($(p)_LIBS),$($(p)_LD))))
$(foreach t,$(UNIT),$(eval $(call link_rule,$(O)/test/$(notdir $(t)),$(t).c $($(notdir $(t))_SRCS),$($(notdir $(t))_LIBS),$($(notdir $(t))_LD) -lcmocka)))
$(foreach t,$(FUZZ),$(eval $(call link_rule,$(O)/fuzz/$(t),tests/fuzz/$(t).c $($(t)_SRCS),$($(t)_LIBS),$($(t)_LD) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer,$(O)/obj/tests/fuzz/replay_main.o))))

unit-bins: $(addprefix $(O)/test/,$(notdir $(UNIT)))
prog-list:
	@echo $(PROGS)
fuzz-bins: $(addprefix $(O)/fuzz/,$(FUZZ))

image: all tools
	image/build
image-test: all tools
	image/test/run
image-test-all: all tools
	image/test/run --long

# The include path shows the layer; product folders never include each other.
check-layers:
	@tests/check_layers

check-reference:
	@docs/admin/reference --check

reference:
	docs/admin/reference

check: check-layers check-reference unit

test:
	@tests/run_all

# BENCH=quick: about three minutes instead of an hour.
bench:
	@$(MAKE) --no-print-directory -j2 all tools
	@tests/load/bench $(if $(filter quick,$(BENCH)),--quick)

unit:
	@$(MAKE) --no-print-directory VARIANT=asan unit-bins
	@tests/run_unit build/asan/test

clean:
	rm -rf build

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
