# SPDX-License-Identifier: Apache-2.0
# make run | test | lint | bench | clean; V=asan for the sanitizers. What each needs it installs.

V       ?= release
OUT     ?= build/$(V)
PROCS    = broker store notifier session cli
PROGRAMS = $(patsubst %,$(OUT)/bin/belfry-%,$(filter-out cli,$(PROCS))) $(OUT)/bin/belfry

WARN     = -Wall -Wextra -Wconversion -Wshadow -Werror
CFLAGS_release = -O2
CFLAGS_asan    = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
PKG      = libzmq libczmq libmicrohttpd lmdb libwslay libcrypto
CFLAGS   = -std=gnu11 -g $(CFLAGS_$(V)) $(WARN) -MMD -MP -I. $(shell pkg-config --cflags $(PKG) 2>/dev/null)
LDFLAGS  = $(CFLAGS_$(V)) -pthread
LIBS_all      = -lczmq -lzmq -lcrypto
LIBS_store    = -llmdb
LIBS_session  = -lmicrohttpd -lwslay

.PHONY: all run test lint bench clean web
all: $(PROGRAMS)

# The border: a program is lib, proto and its own folder, and nothing else.
parts = $(filter-out %/main.c,$(foreach d,lib proto $1,$(wildcard $d/*.c)))
objs  = $(patsubst %.c,$(OUT)/%.o,$(call parts,$1))

.SECONDEXPANSION:
$(OUT)/bin/belfry-%: $(OUT)/%/main.o $$(call objs,%)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_$*) $(LIBS_all)
$(OUT)/bin/belfry: $(OUT)/cli/main.o $$(call objs,cli)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_all)
$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

# A test stands in tests/KIND/PART/test_NAME.c and is linked like PART.
TESTS_C = $(wildcard tests/unit/*/test_*.c tests/stories/*/test_*.c)
TESTS   = $(patsubst %.c,$(OUT)/%,$(TESTS_C))
part_of = $(notdir $(patsubst %/,%,$(dir $1)))
$(TESTS): $(OUT)/%: $(OUT)/%.o $$(call objs,$$(call part_of,$$@))
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lmsgpackc -ljansson $(LIBS_$(call part_of,$@)) $(LIBS_all)

clean:
	rm -rf build bin
-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
