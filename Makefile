# SPDX-License-Identifier: Apache-2.0
# make run | test | fuzz | lint | docs | bench | clean; V=asan for the sanitizers; T=word for only the tests
# whose path has it. What each needs it installs.

V       ?= release
OUT     ?= build/$(V)
PROCS    = broker store notifier session hook cli
PROGRAMS = $(patsubst %,$(OUT)/bin/belfry-%,$(filter-out cli,$(PROCS))) $(OUT)/bin/belfry

WARN     = -Wall -Wextra -Wconversion -Wshadow -Werror
CFLAGS_release = -O2
CFLAGS_asan    = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# clang only: one build for fuzzing and for what it has reached.
CFLAGS_fuzz    = -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                 -fno-omit-frame-pointer -fprofile-instr-generate -fcoverage-mapping
PKG      = libseccomp libzmq libmicrohttpd lmdb libwslay libcrypto
CFLAGS   = -std=gnu11 -D_GNU_SOURCE -g $(CFLAGS_$(V)) $(WARN) -MMD -MP -I. $(shell pkg-config --cflags $(PKG) 2>/dev/null)
# Static: the shared UBSan of gcc 12 beside ASan says what it finds on standard error only, and not where
# tests/run looks for what a process of a test has found.
LDFLAGS_asan = -static-libasan -static-libubsan
LDFLAGS  = $(CFLAGS_$(V)) $(LDFLAGS_$(V)) -pthread
LIBS_all      = -lzmq -lcrypto -lseccomp
LIBS_store    = -llmdb
LIBS_session  = -lmicrohttpd -lwslay
LIBS_hook     = -lcurl
LIBS_cli      = -lcurl

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
.PHONY: all tests web run test fuzz fuzz-targets sim planted lint docs bench bench-inboxes bench-pages clean
all: $(PROGRAMS) $(OUT)/bin/bench-load
	@ln -sfn build/release/bin bin

# The border: a program is lib, proto and its own folder, and nothing else.
parts = $(filter-out %/main.c,$(foreach d,lib proto $1,$(wildcard $d/*.c $d/*/*.c)))
objs  = $(patsubst %.c,$(OUT)/%.o,$(call parts,$1))

.SECONDARY: # keep every .o
.SECONDEXPANSION:
$(OUT)/bin/belfry-%: $(OUT)/%/main.o $$(call objs,%)
	@echo "link $@" && mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_$*) $(LIBS_all)
$(OUT)/bin/belfry: $(OUT)/cli/main.o $$(call objs,cli)
	@echo "link $@" && mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_cli) $(LIBS_all)
$(OUT)/%.o: %.c
	@echo "cc $@" && mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c -o $@ $<

# A test stands in tests/KIND/PART/test_NAME.c and is linked like PART.
TESTS_C = $(wildcard tests/unit/*/test_*.c tests/stories/*/test_*.c)
TESTS   = $(patsubst %.c,$(OUT)/%,$(TESTS_C))
part_of = $(notdir $(patsubst %/,%,$(dir $1)))
$(TESTS): $(OUT)/%: $(OUT)/%.o $$(call objs,$$(call part_of,$$@))
	@echo "link $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lmsgpackc -ljansson $(LIBS_$(call part_of,$@)) $(LIBS_all)

# The simulator: the objects of all processes as they are, but for main.c and the hands that it takes
# the place of (tests/sim/sim.h); libzmq is its own.
SIM      = $(OUT)/tests/sim/seeds/test_seeds
SIM_HANDS = session/http/http session/http/request session/http/answer session/http/stream \
            session/http/door session/http/guard session/http/pages session/socket/upgrade \
            session/socket/entrance store/engine_lmdb store/committer store/checker lib/curve
SIM_WRAPS = clock_ms clock_wall_ms secret_random log_line try_again refuse ensure_failed sock_bind \
            epoll_create1 epoll_ctl epoll_wait recv send sendmsg shutdown close view_step
sim_objs  = $(filter-out $(SIM_HANDS:%=$(OUT)/%.o),$(call objs,session store notifier broker))
$(SIM): $(SIM).o $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/*.c)) $$(sim_objs)
	@echo "link $@"
	@$(CC) $(LDFLAGS) $(SIM_WRAPS:%=-Wl,--wrap=%) -o $@ $^ -lwslay -lcrypto -lseccomp
PLANTED = $(OUT)/tests/sim/planted/test_planted
$(PLANTED): $(PLANTED).o
	@echo "link $@" && $(CC) $(LDFLAGS) -o $@ $^ -lcmocka
planted:
	tests/sim/planted/run $(T)
sim: $(SIM)
	SEED=$(SEED) SEEDS=$(if $(SEED),,$(or $(SEEDS),1000)) $(SIM)
# A fuzz target stands in tests/fuzz/PART/fuzz_NAME.c and is linked like PART: here with what takes the
# kept inputs through it, for `make fuzz` with libFuzzer.
FUZZ_C  = $(wildcard tests/fuzz/*/fuzz_*.c)
FUZZ    = $(patsubst %.c,$(OUT)/%,$(FUZZ_C))
FUZZ_main = $(if $(filter fuzz,$(V)),,$(OUT)/tests/fuzz/replay.o)
$(FUZZ): $(OUT)/%: $(OUT)/%.o $$(FUZZ_main) $$(call objs,$$(call part_of,$$@))
	@echo "link $@"
	@$(CC) $(LDFLAGS) $(if $(FUZZ_main),,-fsanitize=fuzzer) -o $@ $^ $(LIBS_$(call part_of,$@)) $(LIBS_all)
PROXY = $(OUT)/tests/system/drop_proxy
$(PROXY): $(PROXY).o $$(call objs,)
	@echo "link $@" && $(CC) $(LDFLAGS) -o $@ $^ $(LIBS_all)
WRONG = $(OUT)/tests/system/wrong_count
$(WRONG): $(WRONG).o $$(call objs,store)
	@echo "link $@" && $(CC) $(LDFLAGS) -o $@ $^ $(LIBS_store) $(LIBS_all)
# What a test loads into a process before it starts (LD_PRELOAD).
PRELOADS = $(patsubst %.c,$(OUT)/%.so,$(wildcard tests/preload/*.c))
$(OUT)/tests/preload/%.so: tests/preload/%.c
	@echo "link $@" && mkdir -p $(@D)
	@$(CC) $(filter-out -fsanitize=% -fno-sanitize%,$(CFLAGS)) -fPIC -shared -o $@ $<
tests: $(TESTS) $(FUZZ) $(PROXY) $(WRONG) $(PRELOADS) $(SIM) $(PLANTED)

# npm packages, from the lock file and again only when it has changed.
%/node_modules/.done: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@
npm = $(patsubst %/package.json,%/node_modules/.done,$(wildcard $1/package.json))
# The pages: built once, with what npm ci brought; afterwards no network is needed.
PAGES = $(shell find web -name node_modules -prune -o -type f -print)
$(OUT)/web/index.html: $(PAGES) $(call npm,web)
	@echo "build $(@D)"
	@cd web && node build.mjs $(abspath $(@D))
web: $(OUT)/web/index.html

# In two steps, because what tools/need installs the second make must see from its first line on.
run:
	tools/need build
	$(MAKE) V=release OUT=build/release all web
	exec bin/belfry serve --dev --data data --config web/demo/belfry.conf
test:
	tools/need test
	$(MAKE) all tests web $(call npm,tests)
	tests/run $(OUT) $(T)

# Every parser that meets bytes from outside, S seconds each; T=word for only the targets with it.
S ?= 600
fuzz:
	tools/need fuzz
	$(MAKE) V=fuzz OUT=build/fuzz CC=clang fuzz-targets
	tests/fuzz/run build/fuzz $(S) $(T)
fuzz-targets: $(FUZZ)

SOURCES = $(wildcard */*.[ch] session/*/*.[ch] bench/*/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])
lint:
	tools/need lint
	@mkdir -p build
	clang-format --dry-run -Werror $(SOURCES)
	printf '%s\n' $(filter %.c,$(SOURCES)) | \
	    xargs -P $(shell nproc) -I@ clang-tidy --quiet @ -- $(filter-out -M%,$(CFLAGS)) 2>build/tidy.log
	$(MAKE) CC=clang OUT=build/clang all tests
docs: $(OUT)/tests/unit/proto/test_docs $(OUT)/tests/unit/session/test_limits $(OUT)/tests/unit/session/test_openapi
	$< --write docs/protocol.md
	$(OUT)/tests/unit/session/test_limits --write docs/limits.md
	$(OUT)/tests/unit/session/test_openapi --write web/public/openapi.json

# The load generator, and the floors that its figures are compared with.
BENCH = $(OUT)/bin/bench-load $(OUT)/bin/bench-inboxes $(patsubst bench/floor_%.c,$(OUT)/bin/bench-floor-%,$(wildcard bench/floor_*.c))
$(OUT)/bin/bench-load: $(OUT)/bench/load/main.o $$(call objs,bench/load bench/common)
	@echo "link $@" && mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_all)
$(OUT)/bin/bench-inboxes: $(OUT)/bench/inboxes/main.o $$(call objs,bench/inboxes bench/common) $(OUT)/bench/load/server.o
	@echo "link $@" && mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_all)
$(OUT)/bin/bench-floor-%: $(OUT)/bench/floor_%.o $$(call objs,bench/common)
	@echo "link $@" && mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ -llmdb $(LIBS_all)
bench-inboxes: $(OUT)/bin/bench-inboxes
bench-pages:
	tools/need test
	$(MAKE) all web $(call npm,tests)
	BELFRY_BIN=$(OUT)/bin bench/pages.mjs
bench:
	tools/need bench
	$(MAKE) all $(BENCH)
	bench/run $(OUT)/bin

clean:
	rm -rf build bin
-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
