# `make` lists the targets. Every target can be run on its own and makes first what it needs.
# CLUSTER=current uses the cluster of the current kubeconfig instead of a local one (see CONTRIBUTING.md).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help try demo test unit scenarios bench crds config lint tools images cluster-up cluster-down deploy undeploy push release clean

ENV := e2e/cluster/env
# Each step prints its name and its duration.
STEP = e2e/step

##@ The three commands
try: ## Run ten jobs on a demo portal with Firefox: no root, no Kubernetes, a few minutes
	@e2e/try

demo: ## Set up everything, run 80 jobs on a real cluster, show the result
	@$(STEP) "1/4 programs and cluster" $(MAKE) --no-print-directory cluster-up
	@$(STEP) "2/4 images" $(MAKE) --no-print-directory images
	@$(STEP) "3/4 operator" $(MAKE) --no-print-directory deploy
	@$(STEP) "4/4 demo" e2e/with-cluster e2e/program demo

test: ## Run all checks: lint, unit tests, scenarios on a real cluster
	@$(STEP) "1/3 lint" $(MAKE) --no-print-directory lint
	@$(STEP) "2/3 unit tests" $(MAKE) --no-print-directory unit
	@$(STEP) "3/3 scenarios" $(MAKE) --no-print-directory scenarios

##@ Parts of the test
lint: tools ## Check format, clippy, the chart, generated files, licences (cargo deny, if installed)
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	@e2e/with-tools helm lint --strict --quiet charts/fno-operator
	@e2e/with-tools e2e/render --check
	@if command -v cargo-deny >/dev/null; then cargo fetch --locked --quiet && cargo deny --offline check bans licenses sources; else echo "cargo-deny is not installed: licences are not checked (cargo install cargo-deny)"; fi

unit: tools ## Run unit and property tests, and the flow engine with a real Firefox (installed if missing)
	@command -v firefox >/dev/null || e2e/cluster/packages firefox-esr
	e2e/with-tools cargo test --locked --workspace

scenarios: cluster-up images deploy ## Run the scenarios on the cluster, judged by the portals' journal
	e2e/with-cluster cargo test --locked --workspace --features fno-e2e/cluster --test scenarios -- --test-threads 3 --show-output

bench: cluster-up images deploy ## Measure: batched against unbatched, overhead, API writes, memory
	e2e/with-cluster e2e/program bench

##@ Generated files
crds: ## Write crds/*.yaml, the chart's copies, docs/api.md and docs/reasons.md from the types
	cargo run --quiet --locked -p fno-crds --bin crdgen .

config: tools ## Write config/default and config/openshift (for kustomize) and the chart's README from the chart
	@e2e/with-tools e2e/render

##@ Cluster
tools: ## Build the cluster's programs that are missing in the cache
	@e2e/cluster/packages
	@e2e/cluster/tools >/dev/null

cluster-up: ## Start the local one-node Kubernetes (needs root; does nothing with CLUSTER=current)
ifneq ($(CLUSTER),current)
	@e2e/cluster/up
endif

cluster-down: ## Remove the local cluster with everything on it
	@e2e/cluster/down

images: ## Build the container images and load them into the cluster
	@e2e/cluster/images >/dev/null

push: ## Build and push the images, and write target/images.yaml for Helm: make push REGISTRY=registry.example/fno
	@[ -n "$(REGISTRY)" ] || { echo "say where to: make push REGISTRY=registry.example/fno"; exit 2; }
	@CLUSTER=current REGISTRY=$(REGISTRY) e2e/cluster/images operator runner browser valkey portals
	@mkdir -p target && CLUSTER=current e2e/with-cluster images/values >target/images.yaml
	@echo "install with: helm install … --values target/images.yaml"

release: tools ## Build, push and pin the images and pack the chart into dist: make release REGISTRY=registry.example/fno
	@REGISTRY=$(REGISTRY) e2e/with-tools images/release

deploy: ## Install or upgrade the operator with Helm
	@e2e/with-cluster e2e/deploy

undeploy: ## Uninstall the operator; CRDs, jobs and evidence stay (docs/installing.md)
	@e2e/with-cluster helm uninstall fno-operator --namespace fno-system

##@ Housekeeping
clean: cluster-down ## Remove the cluster and build results (the cache of programs is kept)
	cargo clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "; print "usage: make TARGET\n"} /^##@/ {printf "%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
