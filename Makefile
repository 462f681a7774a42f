# The door to the project: everything that one does here is a target, and CI calls the same ones.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# `dev` is built quickly and has its slow parts (password hashes, images) optimised; `make run PROFILE=release` is the real thing.
PROFILE ?= dev
CARGO ?= cargo
with = tests/services/with.sh
# Tests in Node.js run with --test-force-exit: after the last of them, version 20 now and then waits for ever for handles of its own
# to close (node::Environment::CleanupHandles), at full speed.
# The binary that is tested as a process: HUBBUB_BIN, or what `cargo build` made.
binary = $(or $(abspath $(HUBBUB_BIN)),$(CURDIR)/target/debug/hubbub)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: web ## start one node on http://127.0.0.1:3000 with SQLite in data/: needs nothing installed
	$(CARGO) run --profile $(PROFILE) -- serve

# The web client, which is compiled into the hub. Without Node.js there is none, and the hub says so.
.PHONY: web
web: web/dist/app/index.html ## build the web client into web/dist (Node.js)

web/dist/app/index.html: web/package-lock.json web/index.html web/vite.config.ts $(shell find web/src web/public -type f 2>/dev/null)
	@if command -v npm >/dev/null; then \
	  cd web && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent build; \
	else echo "There is no npm here: the hub is built without its web client (Node.js 20 or newer makes it)" >&2; fi

.PHONY: run-cluster
run-cluster: web ## start two nodes (NODE1_PORT=3001, NODE2_PORT=3002) with a private PostgreSQL and Redis; Ctrl-C ends all
	$(CARGO) build --profile $(PROFILE)
	@tests/services/cluster.sh target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/hubbub

.PHONY: test
test: services web ## run all tests beside a private PostgreSQL and Redis; installs what is missing, if root
	@$(with) $(MAKE) --no-print-directory test-rust test-web test-client test-browser test-bench test-presence test-faults

.PHONY: test-rust
test-rust: services ## run the tests in Rust only
	$(with) $(CARGO) test --workspace

.PHONY: test-client
test-client: services ## run the tests with the stock Socket.IO client (Node.js) only
	$(CARGO) build
	cd tests/client && ../services/with.sh node --test --test-force-exit --test-reporter=spec *.test.mjs

.PHONY: test-web
test-web: services web ## check the web client's types, and run its unit tests and those of its client package against a hub
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	cd web && HUBBUB_BIN=$(binary) npm run --silent check && HUBBUB_BIN=$(binary) npm run --silent test

# Chromium, and what the stories and HAProxy's configuration need.
browser = tests/deploy/install.sh chromium haproxy && cd tests/browser && { [ node_modules/.package-lock.json -nt package-lock.json ] \
  || npm ci --no-audit --no-fund --loglevel=error; } && HUBBUB_BIN=$(binary) ../services/with.sh node --test --test-force-exit --test-concurrency=1 --test-reporter=spec

.PHONY: test-browser
test-browser: services web ## tell the web client's stories in Chromium: two people, killed nodes, cut networks (what failed shows: target/browser)
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	@$(browser) *.test.mjs

.PHONY: screenshots
screenshots: services web ## take the pictures of the web client in docs/screenshots anew
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	@export SCREENSHOTS=1; $(browser) screenshots.test.mjs

.PHONY: web-types
web-types: ## write the types of the interface (web/src/hub/api.d.ts) anew, after it was changed
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	cd web && HUBBUB_BIN=$(binary) npm run --silent types

.PHONY: test-presence
test-presence: services ## kill, cut and flush while people come and go, and compare what each client believes with the truth (SEED=)
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	cd tests/client && HUBBUB_BIN=$(binary) node --test --test-force-exit --test-reporter=spec presence/*.test.mjs ../../bench/presence/*.test.mjs

.PHONY: test-faults
test-faults: services ## kill, stop, cut and flush everything under load, and keep the books (SEED= FAULT= KILLS= OUTAGE=)
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	cd tests/client && HUBBUB_BIN=$(binary) node --test --test-force-exit --test-reporter=spec faults/*.test.mjs

.PHONY: soak
soak: services ## the same for SECONDS=300 or as long as you like; adds up in docs/delivery-ledger.md (SEED= FAULT= STUCK= SYSTEM=node ADAPTER=)
	$(if $(HUBBUB_BIN)$(filter node,$(SYSTEM)),,$(CARGO) build --release)
	$(if $(filter node,$(SYSTEM)),cd bench/node-peer && npm ci --no-audit --no-fund --loglevel=error)
	cd tests/client && HUBBUB_BIN=$(or $(abspath $(HUBBUB_BIN)),$(CURDIR)/target/release/hubbub) node faults/soak.mjs

.PHONY: image
image: web ## build the container image localhost/hubbub:ci and its SBOM (BASE=debian: without a registry; HUBBUB_BIN=)
	$(if $(HUBBUB_BIN),,$(CARGO) build --release)
	tests/deploy/image.sh

.PHONY: k8s-check
k8s-check: ## check manifests, alert rules and the dashboard without a cluster (HUBBUB_BIN=, METRICS=file with a scrape)
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	tests/deploy/monitoring/rules.sh
	HUBBUB_BIN=$(binary) tests/deploy/k8s-check.sh

.PHONY: test-load-balancers
test-load-balancers: services ## put stock clients behind HAProxy and nginx with the configurations of k8s/load-balancers
	@tests/deploy/install.sh haproxy nginx:nginx-light
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	cd tests/client && HUBBUB_BIN=$(binary) ../services/with.sh node --test --test-force-exit --test-concurrency=1 --test-reporter=spec ../deploy/load-balancers/*.test.mjs

.PHONY: test-monitoring
test-monitoring: services ## run every query of rules and dashboard on a Prometheus that watches two nodes under load
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	HUBBUB_BIN=$(binary) tests/deploy/monitoring/live.sh

.PHONY: test-deploy
test-deploy: services web ## build the image, run three pods of it behind HAProxy, and restart them all under load (root)
	$(if $(HUBBUB_BIN),,$(CARGO) build)
	BASE=debian HUBBUB_BIN=$(binary) tests/deploy/image.sh
	node --test --test-force-exit --test-reporter=spec tests/deploy/image.test.mjs
	tests/deploy/podman/run.sh $(binary)

.PHONY: sizing
sizing: services ## measure what a node needs, for docs/sizing.md (SIZING="--sockets 0,5000 --rates 250,500"; HUBBUB_BIN=)
	$(if $(HUBBUB_BIN),,$(CARGO) build --release)
	HUBBUB_BIN=$(or $(abspath $(HUBBUB_BIN)),$(CURDIR)/target/release/hubbub) node bench/sizing/sizing.mjs $(SIZING)

.PHONY: bench-presence
bench-presence: services ## measure what presence costs, for docs/presence-figures.md (PRESENCE=--quick; HUBBUB_BIN=)
	$(if $(HUBBUB_BIN),,$(CARGO) build --release)
	cd bench/node-peer && npm ci --no-audit --no-fund --loglevel=error
	HUBBUB_BIN=$(or $(abspath $(HUBBUB_BIN)),$(CURDIR)/target/release/hubbub) node bench/presence/presence.mjs $(PRESENCE)

# What a benchmark runs: the hub and the load generator as they are released; the Node original where Node can install it.
bench_binaries = HUBBUB_BIN=$(or $(abspath $(HUBBUB_BIN)),$(CURDIR)/target/release/hubbub) HUBBUB_LOAD=$(CURDIR)/target/release/hubbub-load
.PHONY: bench-build
bench-build: services
	$(if $(HUBBUB_BIN),,$(CARGO) build --release)
	$(CARGO) build --release -p hubbub-load

.PHONY: bench
bench: bench-build ## measure how fast the hub is beside the Node original, for docs/benchmarks.md (BENCH="--quick --only closed"; HUBBUB_BIN=)
	tests/services/install.sh sqlite3
	cd bench/node-peer && npm ci --no-audit --no-fund --loglevel=error || echo "without the Node original"
	$(bench_binaries) node bench/bench.mjs $(BENCH)

.PHONY: bench-scale
bench-scale: bench-build ## connect 100,000 people to six nodes and let them chat, for docs/benchmarks-scale.md (SCALE="--quick"; HUBBUB_BIN=)
	$(bench_binaries) node bench/scale.mjs $(SCALE)

.PHONY: bench-soak
bench-soak: bench-build ## load two nodes for half an hour and watch their memory, for docs/benchmarks-soak.md (SOAK="--minutes 30"; HUBBUB_BIN=)
	$(bench_binaries) node bench/soak.mjs $(SOAK)

.PHONY: bench-hot
bench-hot: services ## time the functions that run for each message (HOT=token: those only)
	$(with) $(CARGO) bench --bench hot --features bench -- $(HOT)

.PHONY: test-bench
test-bench: ## test the pure parts of the benchmarks
	node --test --test-force-exit --test-reporter=spec bench/*.test.mjs

.PHONY: services
services:
	@tests/services/install.sh

.PHONY: lint
lint: ## check format, clippy, scripts and white space
	@CARGO="$(CARGO)" .ci/lint

.PHONY: fmt
fmt: ## format the Rust sources
	$(CARGO) fmt --all

.PHONY: build
build: web ## build target/debug/hubbub, with the web client in it
	$(CARGO) build

.PHONY: release
release: web ## build target/release/hubbub, with the web client in it
	$(CARGO) build --release

.PHONY: clean
clean: ## remove what was built (data/ stays)
	$(CARGO) clean
	rm -rf tests/client/node_modules tests/browser/node_modules web/node_modules web/dist/app
