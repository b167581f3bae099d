# Builds, tests, shows and installs Pleat. `make deps` brings what it needs on Debian; Swift comes from swift.org.

SWIFT ?= swift
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=

PACKAGES = librdkafka-dev libpq-dev libzstd-dev libsimdjson-dev libyaml-dev libsystemd-dev libssl-dev postgresql \
	pkg-config g++
# A real Kafka runs on it.
ifneq ($(KAFKA_HOME),)
ifeq ($(shell command -v java),)
PACKAGES += default-jre-headless
endif
endif
LIBRARIES = rdkafka libpq libzstd simdjson yaml-0.1 libsystemd libcrypto
SOURCES = Package.swift Sources Tests Fuzzing Simulation Benchmarks
FUZZ_SECONDS ?= 10
SEEDS ?= 100000
FIRST_SEED ?= 1
# Of each of four seeds.
DECODER_ROUNDS ?= 1000000
FAULTS ?= 500
# Slow servers, and a broker that is away: for so long each; 0 leaves them out.
SLOW_SECONDS ?= 600
# Worlds allocate much and small: what glibc keeps for a thread is worth a twentieth.
SIMULATE = GLIBC_TUNABLES=glibc.malloc.tcache_max=65536:glibc.malloc.tcache_count=64 .build/simulator/release/simulate

.PHONY: all build test simulator simulate soak campaign mutations fuzz demo format lint install clean deps needs-swift needs-libraries

all: build

# Leaves .build/release/pleat, which needs no Swift runtime beside it.
build: needs-swift needs-libraries
	$(SWIFT) build -c release --static-swift-stdlib --product pleat

# The sources' form, unit tests, and the daemon against a private PostgreSQL and the embedded broker; with KAFKA_HOME set, against a
# real Kafka.
test: needs-swift deps needs-libraries lint
	$(SWIFT) build --build-tests
	Tests/run $(SWIFT) test --skip-build
	$(MAKE) simulate
	$(MAKE) fuzz

# The stages under every fault, from seeds, in a build that can take protections out of them.
simulator: needs-swift needs-libraries
	PLEAT_MUTATIONS=1 $(SWIFT) build -c release --static-swift-stdlib --scratch-path .build/simulator --product simulate

simulate: simulator
	$(SIMULATE) --schedules
	$(SIMULATE) --seeds 5000 --jobs $$(nproc)

# Hours instead of seconds, on all cores, each part bounded: `make soak SEEDS=1000000 FIRST_SEED=5001 FUZZ_SECONDS=7200 FAULTS=2000`.
# What fails is named with what repeats it. The campaign needs KAFKA_HOME.
soak: FUZZ_SECONDS = 3600
soak: simulator
	$(SIMULATE) --seeds $(SEEDS) --from $(FIRST_SEED) --jobs $$(nproc)
	$(MAKE) fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)
	$(SWIFT) build --build-tests
	SOAK_DECODER_ROUNDS=$(DECODER_ROUNDS) $(SWIFT) test --skip-build --filter DecoderDifferentialTests
	$(MAKE) campaign

# Real instances, backends, postmasters and brokers are killed, stopped and cut off, disks filled, backups restored, FAULTS times;
# SOAK_SEED=N begins with that seed, SOAK_THEME=disks (rushes, nodes, restores, topics) keeps to one kind, SOAK_LOG=FILE adds up
# what several campaigns have seen. Full disks need root.
campaign: needs-swift needs-libraries
	@test -n "$$KAFKA_HOME" || { echo "The campaign needs a real Kafka: set KAFKA_HOME." >&2; exit 1; }
	$(SWIFT) build --build-tests
	SOAK_FAULTS=$(FAULTS) $(if $(filter-out 0,$(SLOW_SECONDS)),SOAK_SLOW_SECONDS=$(SLOW_SECONDS)) \
	  $(SWIFT) test --skip-build --filter CampaignTests

# Each protection taken out: the seed that notices it; docs/faults.md has the list.
mutations: simulator
	$(SIMULATE) --mutations --seeds 10000 --jobs $$(nproc)

# libFuzzer against decoder and batch form, so many seconds each; what it finds stands in .build/fuzz-corpus, a failure in
# .build/fuzz-failure-*: `PLEAT_FUZZED=decoder .build/fuzz/release/Fuzzer FILE` repeats it. A mended one goes to Fuzzing/Corpus.
fuzz: needs-swift needs-libraries
	PLEAT_FUZZING=1 $(SWIFT) build -c release --scratch-path .build/fuzz --sanitize=fuzzer --product Fuzzer
	@for fuzzed in decoder batchform; do \
	  mkdir -p .build/fuzz-corpus/$$fuzzed; \
	  echo "Fuzzing $$fuzzed for $(FUZZ_SECONDS) seconds"; \
	  SWIFT_BACKTRACE=enable=no PLEAT_FUZZED=$$fuzzed \
	    .build/fuzz/release/Fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -verbosity=0 \
	    -print_final_stats=1 -artifact_prefix=.build/fuzz-failure-$$fuzzed- .build/fuzz-corpus/$$fuzzed \
	    Fuzzing/Corpus/$$fuzzed || exit 1; \
	done

# A whole pipeline on this machine, with nothing to set up; Ctrl-C leaves nothing behind.
demo: deps build
	.build/release/pleat demo

format: needs-swift
	$(SWIFT) format format --in-place --parallel --recursive $(SOURCES)

lint: needs-swift
	$(SWIFT) format lint --strict --parallel --recursive $(SOURCES)

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/pleat/Migrations" \
	  "$(DESTDIR)$(PREFIX)/share/pleat/schemas" "$(DESTDIR)$(PREFIX)/lib/systemd/system" \
	  "$(DESTDIR)$(PREFIX)/lib/sysusers.d" "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d" "$(DESTDIR)$(SYSCONFDIR)/pleat"
	install -m 755 .build/release/pleat "$(DESTDIR)$(PREFIX)/bin/pleat"
	install -m 644 Migrations/*.sql "$(DESTDIR)$(PREFIX)/share/pleat/Migrations"
	install -m 644 schemas/* "$(DESTDIR)$(PREFIX)/share/pleat/schemas"
	sed 's|/usr/bin/pleat|$(PREFIX)/bin/pleat|' systemd/pleat.service \
	  > "$(DESTDIR)$(PREFIX)/lib/systemd/system/pleat.service"
	chmod 644 "$(DESTDIR)$(PREFIX)/lib/systemd/system/pleat.service"
	sed 's|/usr/bin/pleat|$(PREFIX)/bin/pleat|' systemd/pleat-retention.service \
	  > "$(DESTDIR)$(PREFIX)/lib/systemd/system/pleat-retention.service"
	chmod 644 "$(DESTDIR)$(PREFIX)/lib/systemd/system/pleat-retention.service"
	install -m 644 systemd/pleat-retention.timer "$(DESTDIR)$(PREFIX)/lib/systemd/system/pleat-retention.timer"
	install -m 644 systemd/pleat.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/pleat.conf"
	install -m 644 systemd/pleat.tmpfiles "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/pleat.conf"
	install -m 644 systemd/pleat.example.yaml "$(DESTDIR)$(PREFIX)/share/pleat/pleat.example.yaml"
	@if [ ! -e "$(DESTDIR)$(SYSCONFDIR)/pleat/pleat.yaml" ]; then \
	  install -m 640 systemd/pleat.example.yaml "$(DESTDIR)$(SYSCONFDIR)/pleat/pleat.yaml"; \
	  echo "$(SYSCONFDIR)/pleat/pleat.yaml is the example: say there where Kafka and PostgreSQL are."; fi

clean:
	rm -rf .build

# Installs what is missing, and nothing else; a second time does nothing.
deps:
	@missing=; \
	for package in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then echo "The Debian packages are all there."; exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo "There is no apt-get here; needed are:$$missing (or what they are called here)." >&2; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif command -v sudo >/dev/null; then as_root=sudo; \
	else echo "Missing:$$missing. Run \`make deps\` as root." >&2; exit 1; fi; \
	echo "Installing:$$missing"; \
	$$as_root apt-get update -q && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing

needs-swift:
	@command -v $(SWIFT) >/dev/null || { \
	  echo "Swift 6.2 or newer is missing: https://www.swift.org/install" >&2; exit 1; }

needs-libraries:
	@command -v pkg-config >/dev/null && pkg-config --exists $(LIBRARIES) || { \
	  echo "Libraries are missing: \`make deps\` installs them." >&2; exit 1; }
