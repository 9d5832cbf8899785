# `make` lists the targets. Every target can be run on its own; what it needs is made first.
# CLUSTER=current uses the cluster of the current kubeconfig instead of a local one (see CONTRIBUTING.md).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test unit scenarios bench crds config lint tools images cluster-up cluster-down deploy undeploy push clean

ENV := e2e/cluster/env
# Each step says what it is and how long it took.
STEP = e2e/step

##@ The two commands
demo: ## Set everything up, run the demo's jobs on a real cluster, show the result
	@$(STEP) "1/4 programs and cluster" $(MAKE) --no-print-directory cluster-up
	@$(STEP) "2/4 images" $(MAKE) --no-print-directory images
	@$(STEP) "3/4 operator" $(MAKE) --no-print-directory deploy
	@$(STEP) "4/4 demo" e2e/with-cluster e2e/program demo

test: ## Everything that must hold: lint, unit tests, scenarios on a real cluster
	@$(STEP) "1/3 lint" $(MAKE) --no-print-directory lint
	@$(STEP) "2/3 unit tests" $(MAKE) --no-print-directory unit
	@$(STEP) "3/3 scenarios" $(MAKE) --no-print-directory scenarios

##@ Parts of the test
lint: tools ## Format, clippy, generated files, licences (cargo deny, if installed)
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	@e2e/with-tools helm lint --strict --quiet charts/fno-operator
	@e2e/with-tools e2e/render /dev/stdout | diff -u config/default/fno-operator.yaml - || { echo "config/default differs from the chart: run \`make config\` and commit the result"; exit 1; }
	@if command -v cargo-deny >/dev/null; then cargo fetch --locked --quiet && cargo deny --offline check bans licenses sources; else echo "cargo-deny is not installed: licences are not checked (cargo install cargo-deny)"; fi

unit: tools ## Unit and property tests, and the flow engine with a real Firefox (the distribution's, if there is none)
	@command -v firefox >/dev/null || e2e/cluster/packages firefox-esr
	e2e/with-tools cargo test --locked --workspace

scenarios: cluster-up images deploy ## The scenarios on the cluster, judged by the portals' journal
	e2e/with-cluster cargo test --locked --workspace --features fno-e2e/cluster --test scenarios -- --test-threads 3 --show-output

bench: cluster-up images deploy ## Measure: batched against unbatched, overhead, API writes, memory
	e2e/with-cluster e2e/program bench

##@ Generated files
crds: ## Write crds/*.yaml, the chart's copy of them and docs/reasons.md from the types
	cargo run --quiet --locked -p fno-crds --bin crdgen .

config: tools ## Write config/default (for kustomize) from the chart
	@e2e/with-tools e2e/render config/default/fno-operator.yaml

##@ Cluster
tools: ## Build the cluster's programs that are not in the cache
	@e2e/cluster/packages
	@e2e/cluster/tools >/dev/null

cluster-up: ## Start the local one-node Kubernetes (root; nothing to do with CLUSTER=current)
ifneq ($(CLUSTER),current)
	@e2e/cluster/up
endif

cluster-down: ## Remove the local cluster and all that is on it
	@e2e/cluster/down

images: ## Build the container images and load them into the cluster
	@e2e/cluster/images >/dev/null

push: ## Build the images and push them: make push REGISTRY=registry.example/fno
	@[ -n "$(REGISTRY)" ] || { echo "say where to: make push REGISTRY=registry.example/fno"; exit 2; }
	@CLUSTER=current REGISTRY=$(REGISTRY) e2e/cluster/images operator runner browser valkey portals

deploy: ## Install or upgrade the operator with Helm
	@e2e/with-cluster e2e/deploy

undeploy: ## Remove the operator (CRDs and jobs stay)
	@e2e/with-cluster helm uninstall fno-operator --namespace fno-system

##@ Housekeeping
clean: cluster-down ## Remove the cluster and build results (the cache of programs stays)
	cargo clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "; print "usage: make TARGET\n"} /^##@/ {printf "%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
