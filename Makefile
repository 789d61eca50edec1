# make            build/isobath, build/libisobath.a
# make demo       install what is needed, build, run the study, write a report
# make test       install what is needed, build and run every test
# make check      build and run every test; install nothing;
#                 TESTS="plan flags": those of tests/test_*.c alone
# make torture    kill it, fill its disk, fail its calls, spoil its files, for
#                 TORTURE_SECONDS=30; `make test` does so too
# make deps       install what is needed, nothing else
# make bench      speed, side by side with the BLAS libraries, and PyTorch where
#                 python3 imports it, in 3 minutes;
#                 BENCH="--quick --only NAME": peak gemm train widths routed ops
#                 decode predict open
# make golden     write anew what test_golden compares with; see
#                 tests/golden/CHANGES
# make layers     check that folders include only what they may
# make asan       the tests again, under address and undefined-behaviour sanitizers;
#                 TESTS= as above
# make tsan       every shape trained and decoded on three threads, under the
#                 thread sanitizer; about a minute
# make validate   predicted, counted and measured of a table of models, dense and
#                 MoD, against the error budget of each metric
# make validate-simulated   the same on caches simulated by valgrind, for
#                 machines without counters; minutes
# make studies-quick   every study in a quick form, to see that it runs; minutes
# make slurm-test studies on a real Slurm with four emulated nodes; minutes
# make lint       clang-tidy and cppcheck with the rules in the tree; make arm64
# make arm64      compile everything for 64-bit Arm, without linking
# make fuzz       random files into the readers; FUZZ_SECONDS=60 for each
# make install    into $(DESTDIR)$(PREFIX): program, library, pkg-config, manual
#                 pages, completions, configs, scripts
# make deb        a package of Debian; make deb-check installs it in a chroot of
#                 its own and tries it there
# make clean      remove what is in build/, but for texts and models fetched
# make V=1        show whole command lines; -j1: one at a time, otherwise one per core
# make PAPI= LIKWID= CALLGRIND= ZYDIS=   leave a counter library out; otherwise
#                 used if installed

BUILD  = build
PREFIX = /usr/local
# Functions and lines are known to debuggers and profilers; variables, whose places
# in unrolled kernels take as long to write down as the kernels, with OPT="-O0 -g".
OPT    = -O3 -g1
# The names of test programs, without test_: all of them, unless some are given.
TESTS  = $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))
ifeq ($(origin CC),default)
CC  = gcc
endif
ifeq ($(origin CXX),default)
CXX = g++
endif

# All cores, unless -j says otherwise; a make started by another takes its share.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif
MAKEFLAGS += --no-print-directory

# `$(call say,CC,FILE)COMMAND` prints a line a file, or with V=1 the command.
say = $(if $(V),,@printf '%-4s %s\n' '$1' '$2';)

hash      := \#
installed = $(shell echo '$(hash)include <$(1)>' | $(CC) -E - >/dev/null 2>&1 && echo yes)
PAPI   := $(call installed,papi.h)
LIKWID := $(call installed,likwid.h)
CALLGRIND := $(call installed,valgrind/callgrind.h)
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
ZYDIS := $(if $(filter x86_64%,$(MACHINE)),$(call installed,Zydis/Zydis.h))
VERSION := 0.1.0

WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wdouble-promotion \
           -Wstrict-prototypes -Wmissing-prototypes
# Tests go without: Criterion's macros do not survive these.
STRICT   = -Wconversion -Wwrite-strings
# Never -ffast-math: the flops we count must be the flops that run.
CFLAGS   = -std=c11 $(OPT) -ffp-contract=off -pthread $(WARN)
CPPFLAGS = -I. -D_GNU_SOURCE -DISOBATH_VERSION='"$(VERSION)"' \
           -MMD -MP
LDLIBS   = -lyaml -ljansson -lxxhash -lpcre2-8 -lutf8proc -lm -pthread

# The kernels but for their table of variants are compiled apart, below.
dispatch := models/kernels/kernels.c
kernels  := $(filter-out $(dispatch),$(wildcard models/kernels/*.c))
sources  := $(filter-out $(kernels),$(wildcard $(addsuffix /*.c, \
              sim/* sim/core/* models/* hwprof/* reports reports/*)))
main     := sim/commands/isobath.c
manual   := sim/commands/manual_main.c
library  := $(filter-out $(main) $(manual),$(sources))
ifeq ($(PAPI),yes)
CPPFLAGS += -DHAVE_PAPI
LDLIBS   += -lpapi
else
library  := $(filter-out hwprof/counters/counter_papi.c,$(library))
endif
ifeq ($(LIKWID),yes)
CPPFLAGS += -DHAVE_LIKWID
LDLIBS   += -ldl
else
library  := $(filter-out hwprof/counters/counter_likwid.c,$(library))
endif
ifeq ($(CALLGRIND),yes)
CPPFLAGS += -DHAVE_CALLGRIND
else
library  := $(filter-out hwprof/counters/counter_callgrind.c,$(library))
endif
ifeq ($(ZYDIS),yes)
CPPFLAGS += -DHAVE_ZYDIS
LDLIBS   += -lZydis
else
library  := $(filter-out hwprof/counters/x86_flops.c hwprof/counters/executed_flops.c,$(library))
endif

# The arithmetic is compiled once per instruction set and chosen at run time.
# Contraction is on there: a fused multiply-add is 2 flops, like its two halves.
ifneq ($(filter x86_64%,$(MACHINE)),)
variants := generic avx2 avx512
flags_generic = -march=x86-64-v2
flags_avx2    = -march=x86-64-v3
flags_avx512  = -march=x86-64-v4 -mprefer-vector-width=512
else
variants := generic
flags_generic =
endif
kernel_objects := $(foreach v,$(variants),$(kernels:%.c=$(BUILD)/$v/%.o))
CPPFLAGS += $(variants:%=-DHAVE_KERNELS_%)

# Texts that the program carries: NAME.END is `extern const char NAME_END[]`.
texts    := $(wildcard $(addprefix reports/*/*.,gp css js html))
# Those that take long first, so that no core waits for them at the end.
objects  := $(kernel_objects) $(library:%.c=$(BUILD)/%.o) $(texts:%=$(BUILD)/%.o)
program  := $(BUILD)/isobath
archive  := $(BUILD)/libisobath.a
tests    := $(TESTS:%=$(BUILD)/tests/test_%)

all: $(program)

# Rewritten only when it would say something else, so that a change of flags,
# commit or libraries rebuilds what depends on it and nothing more.
define rewritten
	@mkdir -p $(@D)
	@{ $1; } >$@.tmp; cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@
endef
$(BUILD)/flags: FORCE
	$(call rewritten,echo '$(CC) $(OPT) papi=$(PAPI) likwid=$(LIKWID) callgrind=$(CALLGRIND) zydis=$(ZYDIS) $(VERSION)')
$(BUILD)/version.h: FORCE
	$(call rewritten,scripts/version '$(CC) $(filter-out -W%,$(CFLAGS))')

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Numbers have a point in any locale that a caller sets.
$(library:%.c=$(BUILD)/%.o): sim/core/base/plain.h
$(library:%.c=$(BUILD)/%.o): CPPFLAGS += -include sim/core/base/plain.h

$(BUILD)/sim/core/answer/summary.o: $(BUILD)/version.h
$(BUILD)/sim/core/answer/summary.o: CPPFLAGS += -include $(BUILD)/version.h

$(texts:%=$(BUILD)/%.o): $(BUILD)/%.o: % $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,TEXT,$<)printf '.section .rodata\n.global %s\n%s: .incbin "$<"\n.byte 0\n.section .note.GNU-stack,"",%%progbits\n' \
	    $(subst .,_,$(<F)) $(subst .,_,$(<F)) | $(CC) -x assembler -c -o $@ -

define kernel_rule
$(BUILD)/$1/models/kernels/%.o: models/kernels/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$< ($1))$$(CC) $$(CPPFLAGS) $$(CFLAGS) -ffp-contract=fast -fno-math-errno -Wno-psabi $$(flags_$1) -DVARIANT=$1 -c -o $$@ $$<
endef
$(foreach v,$(variants),$(eval $(call kernel_rule,$v)))

$(objects) $(main:%.c=$(BUILD)/%.o) $(manual:%.c=$(BUILD)/%.o): WARN += $(STRICT)

# A test's own loops are short.
$(tests:%=%.o): private override OPT := $(filter-out -O%,$(OPT)) -O1

# gcc 12 for Arm fails on a loop that looks for the largest difference (an
# internal error on fmax of widened floats); no test needs the speed.
ifneq ($(filter aarch64%,$(MACHINE)),)
$(tests:%=%.o): CFLAGS += -fno-tree-loop-vectorize
endif

$(archive): $(objects)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(program): $(main:%.c=$(BUILD)/%.o) $(archive)
	$(call say,LD,$@)$(CC) $(OPT) -o $@ $^ $(LDLIBS)

# The kernels again, as C++ whose arithmetic counts itself: tests/counting.
# Without sanitizers, for speed: those watch the kernels that are used.
counting := 4 8 16
counted  := $(foreach n,$(counting),$(kernels:%.c=$(BUILD)/counting$n/%.o))
define counting_rule
$(BUILD)/counting$1/models/kernels/%.o: models/kernels/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call say,CXX,$$< (counting$1))$$(CXX) -x c++ -std=gnu++17 $$(CPPFLAGS) $$(filter-out -fsanitize%,$$(OPT)) -Wall -Wextra -fno-exceptions -fno-rtti -ffp-contract=off -DCOUNTING -DREGISTER_LANES=$1 -DVARIANT=counting$1 -include tests/counting/vec.hpp -c -o $$@ $$<
endef
$(foreach n,$(counting),$(eval $(call counting_rule,$n)))

# Tests share an archive, from which the linker takes what each of them needs.
shared   := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/test_%,$(wildcard tests/*.c)))
helpers  := $(BUILD)/tests/libhelp.a
# The formulas are made wrong by one flop there; every command has to see it.
$(BUILD)/tests/test_wrong_prediction: LDLIBS += -Wl,--wrap=predict_forward,--wrap=predict_train_step
# Thousands of evaluations a test: fast in every build.
$(BUILD)/tests/reference.o $(BUILD)/tests/reference_routed.o $(BUILD)/tests/reference_experts.o $(BUILD)/tests/reference_pieces.o: override OPT := $(filter-out -fsanitize% -O%,$(OPT)) -O2
$(helpers): $(shared)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

$(BUILD)/tests/test_counting $(BUILD)/tests/test_stored_cost: $(counted)
$(tests): %: %.o $(helpers) $(archive)
	$(call say,LD,$@)$(CC) $(OPT) -o $@ $(filter %.o,$^) $(helpers) $(archive) -lcriterion $(LDLIBS)

# The C examples of the READMEs, for tests/test_readme.c to include.
readmes := $(wildcard */README.md */*/README.md)
$(BUILD)/examples/tests/readme.c: $(readmes)
	@mkdir -p $(@D)
	$(call say,GEN,$@)awk '/^```c$$/ { on = 1; print "#line " FNR + 1 " \"" FILENAME "\""; next } \
	    /^```/ { on = 0 } on' $^ >$@
$(BUILD)/tests/test_readme.o: $(BUILD)/examples/tests/readme.c
$(BUILD)/tests/test_readme.o: CPPFLAGS += -I$(BUILD)/examples

# Write a model's logits, or a training's steps, to a file, to compare with
# others': tests/compare.
$(BUILD)/logits $(BUILD)/replay: $(BUILD)/%: $(BUILD)/tests/compare/%.o $(archive)
	$(call say,LD,$@)$(CC) $(OPT) -o $@ $^ $(LDLIBS)

# What stands in for a library that this machine may not have.
$(BUILD)/fake_%.so: tests/fakes/%.c $(BUILD)/flags
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(STRICT) -shared -fPIC -o $@ $<
$(BUILD)/tests/test_nvml $(BUILD)/tests/test_gpu_machine: | $(BUILD)/fake_nvml.so

# It measures a GPU: with CUDA (scripts/gpu-machine), or a simulated one.
CUDA = /usr/local/cuda
gpu_flags = $(filter-out -MMD -MP,$(CPPFLAGS)) $(CFLAGS) $(STRICT)
gpu := $(wildcard scripts/gpu/*.c)
$(BUILD)/gpu-machine: $(gpu) $(archive)
	$(call say,LD,$@)$(CC) $(gpu_flags) -isystem $(CUDA)/include -o $@ $^ -L$(CUDA)/lib64 -lcublas -lcudart $(LDLIBS)
$(BUILD)/gpu-machine-simulated: $(gpu) tests/fakes/cuda.c $(archive)
	$(call say,LD,$@)$(CC) $(gpu_flags) -Itests/fakes/cuda -rdynamic -o $@ $^ $(LDLIBS)
$(BUILD)/tests/test_gpu_machine: | $(BUILD)/gpu-machine-simulated

# With all tests the bench is built, though none runs it, so that it cannot rot.
check: $(program) pages $(BUILD)/isobath.pc $(tests) $(BUILD)/faults.so $(if $(filter file,$(origin TESTS)),$(BUILD)/bench)
	@scripts/test $(tests)

# The program under faults, signals and spoilt files, for so many seconds.
TORTURE_SECONDS = 30
TORTURE_SEED    = 1
tortures := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/torture/faults.c,$(wildcard tests/torture/*.c)))
$(tortures): WARN += $(STRICT)
$(BUILD)/torture: $(tortures) $(archive)
	$(call say,LD,$@)$(CC) $(OPT) -o $@ $^ $(LDLIBS)
$(BUILD)/faults.so: tests/torture/faults.c $(BUILD)/flags
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(STRICT) -shared -fPIC -o $@ $< -ldl
torture: $(program) $(BUILD)/torture $(BUILD)/faults.so
	@$(BUILD)/torture --seconds $(TORTURE_SECONDS) --seed $(TORTURE_SEED)

# Make looks for libraries when it starts: install them, then start it anew.
deps:
	@scripts/deps
test: deps
	@scripts/deps browser shells || true
	@$(MAKE) check
	@$(MAKE) torture
demo: deps
	@$(MAKE) all
	@scripts/corpus kjv
	@scripts/demo

# Without the libraries there is less to compare with, and the bench says so.
bench_objects := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/*.c))
$(bench_objects): WARN += $(STRICT)
$(BUILD)/bench: $(bench_objects) $(archive)
	$(call say,LD,$@)$(CC) $(OPT) -o $@ $^ $(LDLIBS) -ldl
bench: deps
	@scripts/deps bench || true
	@$(MAKE) $(BUILD)/bench
	@$(BUILD)/bench $(BENCH)

# A program below build/asan does not find the configs two folders up.
asan:
	@ISOBATH_CONFIGS=$(CURDIR)/configs $(MAKE) check BUILD=$(BUILD)/asan OPT="-O1 -g1 -fno-omit-frame-pointer \
	    -fsanitize=address,undefined -fno-sanitize-recover=undefined"

# A program of its own: the thread sanitizer does not survive Criterion's forks.
$(BUILD)/tests/threads/threads.o: WARN += $(STRICT)
# It takes the executor alone, with what that stands on.
executor := $(filter $(addprefix $(BUILD)/,models/executor/% models/kernels/% sim/core/%),$(objects)) $(kernel_objects)
$(BUILD)/threads: $(BUILD)/tests/threads/threads.o $(BUILD)/tests/cases.o $(executor)
	$(call say,LD,$@)$(CC) $(OPT) -o $@ $^ -lcriterion $(LDLIBS)
threads: $(BUILD)/threads
	@$(BUILD)/threads
tsan:
	@TSAN_OPTIONS=halt_on_error=1 $(MAKE) threads BUILD=$(BUILD)/tsan OPT="-O1 -g1 -fsanitize=thread"

golden: $(program) $(BUILD)/tests/test_golden
	@GOLDEN_WRITE=1 $(BUILD)/tests/test_golden

validate: $(program)
	@scripts/validate
studies-quick: $(program)
	scripts/corpus kjv
	scripts/studies-quick

# A real Slurm of four emulated nodes, on loopback; two minutes.
slurm-test: $(program)
	scripts/deps slurm
	scripts/slurm-test

validate-simulated: $(program)
	@scripts/validate --simulated

# Compile the event tables and kernels of Arm on machines that are not.  Nothing
# is linked: the libraries' headers are the same for both.
ARM64 = aarch64-linux-gnu-gcc
arm64:
	@if command -v $(ARM64) >/dev/null; then \
	    $(MAKE) arm64-objects CC=$(ARM64) BUILD=$(BUILD)/arm64 PAPI= LIKWID= CALLGRIND= ZYDIS= && \
	    echo "arm64: every file compiles"; \
	else \
	    echo "arm64: not compiled, there is no $(ARM64) (Debian:" \
	         "gcc-aarch64-linux-gnu)"; \
	fi
arm64-objects: $(objects) $(main:%.c=$(BUILD)/%.o)

# The variant only names a function, so any of them can be checked.
# cppcheck takes a struct that a function fills for one that it reads
# (ctuuninitvar), and does not know the macros of tables and of jansson.
# The analyzer takes nine tenths of the time: it follows paths to the depth of its
# own mode `shallow`, with all checks, in half of it.
lint_flags = $(filter-out -MMD -MP,$(CPPFLAGS)) -DVARIANT=generic
lint:
	@scripts/deps build lint
	$(call say,LINT,clang-tidy)printf '%s\n' $(library) $(main) $(kernels) | \
	    xargs -P "$$(nproc)" -I{} clang-tidy --quiet {} -- -std=c11 \
	    $(lint_flags) -Xclang -analyzer-config -Xclang max-nodes=75000 2>/dev/null
	$(call say,LINT,cppcheck)cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr \
	    --suppress=unknownMacro --suppress=ctuuninitvar \
	    --enable=warning,performance,portability $(lint_flags) \
	    $(library) $(main) $(kernels)
	@$(MAKE) arm64

# Instrument the readers of foreign files, and all code that such files reach.
FUZZ_SECONDS = 60
fuzzers := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz:
	@scripts/deps build lint
	@$(MAKE) $(fuzzers:%=fuzz-%)
fuzz-%:
	@$(MAKE) fuzzing-$* BUILD=$(BUILD)/fuzz CC=clang OPT="-O1 -g1 \
	    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined"
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(archive)
	$(call say,LD,$@)$(CC) $(OPT) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
fuzzing-%: $(BUILD)/fuzz_%
	@mkdir -p $(BUILD)/$*
	@cp tests/fuzz/seeds/$*/* $(BUILD)/$*
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
	    -artifact_prefix=$(BUILD)/ $(BUILD)/$*

# Manual pages and completions, from the tables of --help.
pages := $(BUILD)/pages
$(BUILD)/manual: $(manual:%.c=$(BUILD)/%.o) $(archive)
	$(call say,LD,$@)$(CC) $(OPT) -o $@ $^ $(LDLIBS)
pages: $(pages)/isobath.1
$(pages)/isobath.1: $(BUILD)/manual $(wildcard configs/*/*.yaml)
	@mkdir -p $(pages)
	$(call say,MAN,$(pages))$(BUILD)/manual $(pages)

# As installed below any prefix; scripts/install puts it in.
$(BUILD)/isobath.pc: FORCE
	$(call rewritten,printf '%s\n' 'prefix=@PREFIX@' 'Name: isobath' \
	    'Description: where a transformer spends its compute' 'Version: $(VERSION)' \
	    'Cflags: -I$${prefix}/include/isobath' 'Libs: -L$${prefix}/lib -lisobath' \
	    'Libs.private: $(LDLIBS)')

install: $(program) pages $(BUILD)/isobath.pc
	@scripts/install $(BUILD) $(PREFIX) $(DESTDIR)

deb: $(program) pages $(BUILD)/isobath.pc
	@scripts/deb $(BUILD) $(VERSION)
deb-check: deb
	@scripts/deb-check $(BUILD)

layers:
	@scripts/layers

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

clean:
	rm -rf $(filter-out %/corpus %/models,$(wildcard $(BUILD)/*))

.PHONY: all pages deb deb-check check deps test torture demo bench asan threads tsan golden validate validate-simulated studies-quick slurm-test arm64 arm64-objects lint fuzz install layers help clean FORCE
.SECONDARY:
-include $(bench_objects:.o=.d) $(tortures:.o=.d) $(BUILD)/faults.d $(BUILD)/tests/threads/threads.d $(objects:.o=.d) $(main:%.c=$(BUILD)/%.d) $(manual:%.c=$(BUILD)/%.d) $(tests:=.d) \
         $(counted:.o=.d) $(shared:.o=.d) $(BUILD)/tests/compare/logits.d \
         $(BUILD)/tests/compare/replay.d
