# Everything that one does with this project. Needs Rust, Go (1.24 or newer) and Python (3.11 or newer with venv); the
# network only until all is built once.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

comma := ,
TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/x86_64-unknown-linux-gnu/release/gl-k8s-integrator
CARGO_TEST := cargo test --workspace --locked

# Tests that use the control plane mostly wait for it, so that a few more than there are processors run at once.
export RUST_TEST_THREADS ?= 4

heading = @printf '\n==> %s\n' "$(1)"

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: control-plane ## A small university on this machine, until Ctrl-C; ONCE=1 ends by itself
	$(call heading,Building the operator and what the demo needs)
	cargo build --workspace --bins --locked
	@echo
	@$(TARGET)/debug/demo $(if $(ONCE),--once) $(if $(OPERATOR),--operator $(OPERATOR))

.PHONY: test
test: format lint control-plane tests conformance ## Everything: format, lints, all tests, the simulator's conformance, generated files
	$(call heading,Everything passed)

.PHONY: format
format: ## Is everything formatted?
	$(call heading,Format)
	cargo fmt --all --check

.PHONY: lint
lint: ## Lints of all crates and tests; a warning is a failure
	$(call heading,Lints)
	cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: control-plane
control-plane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl, if they are missing
	$(call heading,The control plane: built once$(comma) about four minutes the first time)
	tests/control_plane/build

.PHONY: promtool
promtool: target/promtool ## Build promtool, which checks the alert rules, if it is missing

# The flags leave out what finds targets to scrape in clouds, which is most of it.
target/promtool: tests/promtool/go.mod tests/promtool/go.sum
	$(call heading,promtool: built once$(comma) about two minutes the first time)
	cd tests/promtool && CGO_ENABLED=0 GOWORK=off GOFLAGS= go build -trimpath -tags remove_all_sd -ldflags '-s -w' \
	    -o $(CURDIR)/$@.new github.com/prometheus/prometheus/cmd/promtool
	mv $@.new $@

# The tests of generated files (crds/, parts of docs/) are among them.
.PHONY: tests
tests: control-plane promtool ## All tests of the workspace, generated files included
	$(call heading,Building all tests)
	$(CARGO_TEST) --no-run
	$(call heading,Tests: units$(comma) generated files$(comma) simulator$(comma) control plane$(comma) operator)
	$(CARGO_TEST) --no-fail-fast

.PHONY: crowd
crowd: control-plane ## A thousand mappings of which a hundred are broken, after the healthy ones alone: prints the times
	MANY_MAPPINGS=1000 cargo test --locked --package gl-k8s-integrator --test alone of_many_mappings -- --nocapture

.PHONY: conformance
conformance: ## Check the GitLab simulator with GitLab clients and GitLab's OpenAPI document
	$(call heading,The simulator checked by what others wrote)
	tests/gitlab_simulator/conformance/run

# Half of what it costs are the servers, which are written in Go: with memory in plenty they collect garbage less often.
.PHONY: faults
faults: control-plane ## Every call the last one, and failing in every way; CASE='renew/*' for some of it
	$(call heading,Every workload$(comma) once for each call and each thing that can happen to it)
	GOGC=400 GL_K8S_FAULTS='$(or $(CASE),all)' cargo test --profile quick-release --package gl-k8s-integrator --locked --test faults whatever

.PHONY: crds
crds: ## Write crds/ anew from the kinds in src/api
	UPDATE_CRDS=1 cargo test --package gl-k8s-integrator --locked --lib crds

.PHONY: docs
docs: control-plane ## Write generated parts of docs/ and manifests/ anew
	UPDATE_DOCS=1 cargo test --package gl-k8s-integrator --locked --test documents the_table_of
	UPDATE_DOCS=1 cargo test --package gl-k8s-integrator --locked --test rights the_table_of
	UPDATE_DOCS=1 cargo test --package gl-k8s-integrator --locked --test documents the_rules_for_the_prometheus_operator

.PHONY: release
release: ## The operator as one static binary
	RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target x86_64-unknown-linux-gnu
	@ls -l $(RELEASE)

.PHONY: measure
measure: control-plane ## Size, memory and times of the release, as a table
	tests/measure

# The bare client and the simulated GitLab are measured beside the operator, so they are optimised too.
QUICK := $(TARGET)/quick-release

.PHONY: bench
bench: control-plane release ## The operator against the least that its work can cost: 200 and 1000 mappings, GitLab's limits on and off
	$(call heading,Building what measures)
	cargo build --profile quick-release --locked --package bench --package gitlab-simulator --bins
	$(call heading,200 mappings)
	$(QUICK)/bench --mappings 200 --rounds 2 --operator $(RELEASE) --json $(TARGET)/bench.jsonl
	$(call heading,1000 mappings)
	$(QUICK)/bench --mappings 1000 --operator $(RELEASE) --json $(TARGET)/bench.jsonl
	$(call heading,1000 mappings$(comma) GitLab without limits)
	$(QUICK)/bench --mappings 1000 --without-limits --cold-only --operator $(RELEASE) --json $(TARGET)/bench.jsonl
