# The commands of the project. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/.tools/bin:$(PATH):$(HOME)/.cargo/bin

TARGET ?= $(or $(CARGO_TARGET_DIR),target)
# Passed on to the server: make run ARGS="--config my.toml"
ARGS ?=

# What bench-quick plays.
QUICK := forward burst webinar meeting audio rooms churn storm lossy

say = @printf '==> %s\n'

WEB_SOURCES := $(shell find web -name node_modules -prune -o -name dist -prune -o -name coverage -prune -o -type f -print 2>/dev/null)
WEB_LOCK := web/package-lock.json
WEB_MODULES := web/node_modules/.package-lock.json
WEB_DIST := web/app/dist/index.html

.PHONY: help run test web server setup bench-call bench-quality compare sim-long fuzz docs fmt

help: ## List the commands
	@printf 'Colloquy. The two that matter first are run and test.\n\n'
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@printf '\nThe server alone, once built: %s/release/colloquy --help\n' "$(TARGET)"

run: ## Install what is missing, build, start the server and print its URL (ARGS="--config FILE")
	@scripts/setup.sh build
	@$(MAKE) web server
	$(say) 'Starting. Ctrl-C stops it.'
	@exec $(TARGET)/release/colloquy serve $(ARGS)

test: ## Run all tests; scripts/test.sh STAGE... runs some of them
	@scripts/test.sh

web: $(WEB_DIST) ## Build the page into web/app/dist
	@:

$(WEB_MODULES): $(WEB_LOCK)
	$(say) 'Fetching what the page is built with (npm, about half a minute)'
	@cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(WEB_DIST): $(WEB_MODULES) $(WEB_SOURCES)
	$(say) 'Building the page (some seconds)'
	@cd web && npm run --silent build
	@touch $@

server: ## Build the server, optimised, with the page inside
	@if [ -x $(TARGET)/release/colloquy ]; then printf '==> %s\n' 'Building what changed in the server'; \
	else printf '==> %s\n' 'Building the server: the first time about 5 minutes on 2 cores, half a minute afterwards'; fi
	@cargo build --release --locked -p colloquy-server

setup: ## Install everything that building and testing need, and nothing else
	@scripts/setup.sh build test

.PHONY: bench-quick
bench-quick: ## The ready scenarios, small, on the server and on the floor (three minutes); the last lines are RESULT
	@scripts/setup.sh build
	@$(MAKE) web
	$(say) 'Building the bench and the server (the first time about 5 minutes on 2 cores)'
	@cargo build --release --locked -p colloquy-bench -p colloquy-server
	$(say) 'Measuring (ARGS="--json FILE --html FILE" keeps what comes of it)'
	@$(TARGET)/release/colloquy-bench run $(QUICK) --repeat 1 --hold 4 $(ARGS)

bench-call: ## 1 publisher, 50 viewers, 1,000 packets/s (about a minute); the last line is RESULT
	@scripts/setup.sh build
	@$(MAKE) web
	$(say) 'Building the bench and the server (the first time about 5 minutes on 2 cores)'
	@cargo build --release --locked -p colloquy-bench -p colloquy-server
	$(say) 'Running the call (about a minute)'
	@$(TARGET)/release/colloquy-bench call $(ARGS)

bench-quality: ## Bandwidth, loss and fairness as viewers see and hear them, simulated and on sockets (four minutes); the last lines are RESULT
	@scripts/setup.sh build
	@$(MAKE) web
	$(say) 'Building the bench and the server (the first time about 5 minutes on 2 cores)'
	@cargo build --release --locked -p colloquy-bench -p colloquy-server
	$(say) 'Playing, simulated and then on sockets (ARGS=--simulated or ARGS=--sockets plays one of both)'
	@$(TARGET)/release/colloquy-bench quality $(ARGS)

.PHONY: bench-node
bench-node: ## The reTHINK message node: messages a second and core, 10,000 sessions (a minute); the last line is RESULT
	@scripts/setup.sh build
	@$(MAKE) web
	$(say) 'Building the bench and the server (the first time about 5 minutes on 2 cores)'
	@cargo build --release --locked -p colloquy-bench -p colloquy-server
	$(say) 'Measuring (about half a minute)'
	@$(TARGET)/release/colloquy-bench node $(ARGS)

.PHONY: bench-mix
bench-mix: ## What mixing costs, in virtual time and over sockets beside the AudioBridge (two minutes); the last line is RESULT. ARGS="--rounds 5 --seconds 20" measures longer
	@scripts/setup.sh build
	@scripts/rivals.sh janus
	$(say) 'Building the bench and the server (the first time about 5 minutes on 2 cores)'
	@cargo build --release --locked -p colloquy-server
	@cargo bench --locked -p colloquy-bench --bench mix -- $(ARGS)

SCENARIOS ?= forward burst webinar meeting rooms audio audio-mix simulcast recorded lossy churn storm herd websocket centre idle
SYSTEMS ?= colloquy,janus,audiobridge,livekit,mediamtx,mediasoup,floor

compare: ## Colloquy, Janus, LiveKit and MediaMTX under the same clients, taking turns (half an hour); the last lines are RESULT
	@scripts/setup.sh build
	@$(MAKE) web
	@scripts/rivals.sh
	$(say) 'Building the bench and the server (the first time about 5 minutes on 2 cores)'
	@cargo build --release --locked -p colloquy-bench -p colloquy-server
	$(say) 'Measuring (SCENARIOS="forward meeting" and SYSTEMS=colloquy,janus play some; HOLD=10 REPEAT=3 measure longer)'
	@mkdir -p $(TARGET)/compare
	@$(TARGET)/release/colloquy-bench run $(SCENARIOS) --system $(SYSTEMS) --hold $(or $(HOLD),5) --repeat $(or $(REPEAT),1) \
		--json $(TARGET)/compare/compare.json --html $(TARGET)/compare/compare.html $(ARGS)

sim-long: ## 10,000 made-up calls in the simulator (some minutes); SEEDS=10000..20000 plays others
	$(say) 'Building the simulator (the first time about 5 minutes on 2 cores)'
	@cargo test --release --locked -p colloquy-tests --test it --no-run
	$(say) 'Playing; a seed that fails prints how to play it again'
	@COLLOQUY_SEEDS=$(or $(SEEDS),0..10000) cargo test --release --locked -p colloquy-tests --test it made_up_scenarios -- --nocapture

fuzz: ## Fuzz every parser and the state machines for TIME seconds in all (TIME=600); TARGETS="stun dtls" for some
	@tests/fuzz/run.sh $(or $(TIME),600) $(TARGETS)

docs: ## Build the book into docs/book (needs mdbook: cargo install mdbook)
	@if command -v mdbook >/dev/null; then mdbook build docs && printf 'The book: docs/book/index.html\n'; \
	else printf 'mdbook is not installed. Get it with (some minutes):\n  cargo install mdbook --locked\nThe same text is readable as it is, from docs/src/SUMMARY.md on.\n'; fi

fmt: ## Lay out the code
	@cargo fmt --all
