# hactl.  make, make check, make install DESTDIR=... PREFIX=...
# V=1 shows commands, SAN=1 builds with sanitizers, TSAN=1 with ThreadSanitizer, WERROR=1 stops at warnings.
# CC, CFLAGS, CPPFLAGS and LDFLAGS are the caller's.
VERSION := 0.1.0
PREFIX ?= /usr/local
CC ?= cc
CFLAGS ?= -O2 -g
PKGS := yaml-0.1 libssh2 openssl libcurl jansson
NEEDS_DEPS := deps demo bench bench-failover check-lab check-all
ifneq ($(filter-out $(NEEDS_DEPS),$(or $(MAKECMDGOALS),all)),)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
# libcurl is loaded when it is needed: pkg/kube/libcurl.c
PKG_LIBS := $(shell pkg-config --libs $(filter-out libcurl,$(PKGS))) -lpthread -ldl
TEST_LIBS := $(shell pkg-config --libs cmocka)
endif

B := build$(if $(SAN),-san)$(if $(TSAN),-tsan)
SRC := $(wildcard pkg/*/*.c)
CMD := $(wildcard cmd/*.c)
TMPL := $(filter-out templates/embed.sh,$(wildcard templates/*.*))
UNIT := $(wildcard tests/unit/*/test_*.c)
CLI := $(filter-out %/lib.sh,$(wildcard tests/cli/*.sh))
LAB := $(wildcard tests/lab/scenario-*.sh)
FUZZ := $(wildcard tests/fuzz/fuzz_*.c)
CORPORA := $(wildcard tests/fuzz/corpus/*)

LIB := $(B)/libhactl.a
OBJ := $(SRC:%.c=$(B)/%.o) $(B)/templates.o
CMD_OBJ := $(CMD:%.c=$(B)/%.o)
UNIT_BIN := $(UNIT:%.c=$(B)/%)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef
ifdef SAN
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover -fno-omit-frame-pointer
endif
ifdef TSAN
SANFLAGS := -fsanitize=thread -fno-omit-frame-pointer
endif
override CFLAGS += -std=gnu11 $(WARN) $(SANFLAGS) $(if $(WERROR),-Werror) $(PKG_CFLAGS)
override CPPFLAGS += -Ipkg -Icmd -MMD -MP -DHACTL_VERSION='"$(VERSION)"'
SETTINGS = $(CC) $(CFLAGS) $(CPPFLAGS) $(SRC) $(CMD) $(TMPL)
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)' $(2);)

all: $(B)/hactl $(B)/hactl.1 $(B)/hactl.yaml.5 $(B)/hactl.bash

$(B)/hactl: $(CMD_OBJ) $(LIB)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(LIB): $(OBJ)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(OBJ)

$(B)/%.o: %.c | $(B)/flags
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/templates.o: $(B)/templates.c
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/templates.c: templates/embed.sh $(TMPL) $(B)/flags
	$(call say,EMBED,$@)mkdir -p $(@D) && templates/embed.sh $(TMPL) >$@.tmp && mv $@.tmp $@

$(B)/hactl.1: man/hactl.1.in $(B)/hactl
	$(call say,MAN,$@)$(B)/hactl document man >$@.part && $(B)/hactl document causes-man >$@.causes && \
	sed -e 's/@VERSION@/$(VERSION)/' -e '/@COMMANDS@/{r $@.part' -e 'd;}' -e '/@CAUSES@/{r $@.causes' -e 'd;}' $< >$@.tmp && \
	mv $@.tmp $@ && rm $@.part $@.causes

$(B)/hactl.yaml.5: man/hactl.yaml.5.in $(B)/hactl
	$(call say,MAN,$@)$(B)/hactl document config-man >$@.part && \
	sed -e 's/@VERSION@/$(VERSION)/' -e '/@KEYS@/{r $@.part' -e 'd;}' $< >$@.tmp && \
	mv $@.tmp $@ && rm $@.part

$(B)/hactl.bash: $(B)/hactl
	$(call say,GEN,$@)$(B)/hactl document bash >$@.tmp && mv $@.tmp $@

# What is built is rebuilt when the compiler, its flags or the lists of files change.
$(B)/flags: FORCE
	$(Q)mkdir -p $(B); echo '$(SETTINGS)' | cmp -s - $@ || echo '$(SETTINGS)' >$@
$(OBJ) $(CMD_OBJ) $(LIB): $(B)/flags

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(LIB)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(TEST_LIBS) $(PKG_LIBS)
.PRECIOUS: $(B)/%.o

check: check-layers check-unit check-corpus check-cli
	@echo "check: all passed"

check-layers:
	$(Q)tests/layers.sh
	$(Q)tests/sizes.sh
	$(Q)tests/ssh/check

check-unit: $(UNIT_BIN)
	$(Q)printf '%s\n' $^ | xargs -P 6 -n 1 tests/unit.sh

# The tests of pkg/ssh with Debian 13's libssh2, which is downloaded the first time.
check-libssh2-1.11: $(filter $(B)/tests/unit/ssh/%,$(UNIT_BIN))
	$(Q)HACTL_TEST_LIBSSH2=1.11 tests/ssh/libssh2-1.11 $^

# What fuzzing came across once, without a fuzzer.
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(LIB)
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -UNDEBUG $(CFLAGS) -Wno-missing-prototypes $(LDFLAGS) -o $@ $(filter %.c,$^) $(LIB) $(PKG_LIBS)

check-corpus: $(CORPORA:tests/fuzz/corpus/%=$(B)/tests/fuzz/fuzz_%)
	$(Q)for t in $^; do $$t tests/fuzz/corpus/$${t##*/fuzz_} || exit 1; done

check-cli: $(B)/hactl
	$(Q)printf '%s\n' $(CLI) | HACTL=$(abspath $(B)/hactl) xargs -P 3 -I {} sh -c 'sh {} || exit 255; echo "  ok {}"'

check-san:
	$(Q)$(MAKE) SAN=1 check

# What runs in threads, with ThreadSanitizer: the pool, bootstraps of hosts that are not there, SSH to real sshds.
THREADED := plan/test_plan plan/test_pool remote/test_fake remote/test_log steps/test_bootstrap steps/test_lost steps/test_half_joined \
	probe/test_watch kube/test_tunnel ssh/test_connect ssh/test_exec ssh/test_jump ssh/test_tunnel ssh/test_ways_in
check-tsan:
	$(Q)$(MAKE) TSAN=1 $(THREADED:%=build-tsan/tests/unit/%)
	$(Q)printf '%s\n' $(THREADED:%=build-tsan/tests/unit/%) | TSAN_OPTIONS=halt_on_error=1 xargs -P 2 -n 1 tests/unit.sh

# The same, and those that read what comes from outside, under valgrind.
GRINDED := plan/test_plan plan/test_pool remote/test_run remote/test_files steps/test_bootstrap steps/test_half_joined ssh/test_exec
check-valgrind: $(GRINDED:%=$(B)/tests/unit/%)
	$(Q)for t in $^; do valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect --trace-children=no $$t \
	>$$t.log 2>&1 || { cat $$t.log; exit 1; }; echo "  ok $$t"; done

# These install what they need ($(NEEDS_DEPS)); then make starts anew, and only then looks for libraries.
deps:
	$(Q).ci/deps

demo: deps
	$(Q)$(MAKE) all
	$(Q)tests/lab/demo

check-all: deps
	$(Q)$(MAKE) check
	$(Q)$(MAKE) check-san
	$(Q)$(MAKE) check-scale
	$(Q)$(MAKE) check-lab

check-lab: deps
	$(Q)$(MAKE) $(B)/hactl
	$(Q)r=0; for t in $(LAB); do echo "== $$t"; HACTL=$(B)/hactl $$t || r=1; done; exit $$r

# 200 nodes, a quarter of them bad; minutes on two cores.
check-scale: $(B)/hactl
	$(Q)HACTL=$(B)/hactl tests/scale/scale

bench: deps
	$(Q)$(MAKE) $(B)/hactl
	$(Q)HACTL=$(B)/hactl tests/bench/migrate
	$(Q)LIB=$(abspath $(LIB)) tests/bench/fanout
	$(Q)HACTL=$(B)/hactl tests/bench/bootstrap

# Half an hour on a quiet machine; the table goes into the README.
bench-failover: deps
	$(Q)$(MAKE) $(B)/hactl
	$(Q)HACTL=$(B)/hactl tests/bench/failover --write README.md

# memleak: cppcheck does not know the cleanup attribute; the rest of what is suppressed it gets wrong.
lint:
	$(Q)cppcheck -q --enable=warning,performance,portability --error-exitcode=1 -Ipkg -Icmd \
	-DHACTL_VERSION='""' --suppress=memleak --suppress=ctuuninitvar \
	--suppress=unknownMacro --suppress=missingIncludeSystem --suppress=autoVariables:pkg/ssh/login.c \
	--suppress=returnDanglingLifetime:pkg/steps/drill_watch.c cmd pkg
	$(Q)printf '%s\n' $(SRC) $(CMD) | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet "$$@" -- -std=gnu11 \
	-Ipkg -Icmd -D_GNU_SOURCE -DHACTL_VERSION="\"\"" $(PKG_CFLAGS) 2>/dev/null' lint

fuzz: $(FUZZ:tests/fuzz/%.c=build-fuzz/%)
build-fuzz/%: tests/fuzz/%.c $(SRC) $(B)/templates.c
	$(call say,FUZZ,$@)mkdir -p $(@D) && clang -g -O1 -Ipkg -DHACTL_VERSION='"$(VERSION)"' -fsanitize=fuzzer,address,undefined \
	$(PKG_CFLAGS) -o $@ $^ $(PKG_LIBS)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(B)/hactl $(DESTDIR)$(PREFIX)/bin/hactl
	install -m 644 $(B)/hactl.1 $(DESTDIR)$(PREFIX)/share/man/man1/hactl.1
	install -m 644 $(B)/hactl.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/hactl.yaml.5
	install -m 644 $(B)/hactl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/hactl

clean:
	rm -rf build build-san build-fuzz

.PHONY: all check-scale deps demo bench bench-failover check check-all check-lab check-layers check-unit check-libssh2-1.11 check-corpus check-cli check-san fuzz lint install clean FORCE
.DELETE_ON_ERROR:
-include $(OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(UNIT_BIN:=.d)
