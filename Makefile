# Everything here works from a clean checkout with Go, make and git. `make help` lists the targets.

SHELL       := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# One variant of everything but the tests, so that building, vetting and checking share what is compiled. The race
# detector needs cgo, and so a C compiler; without one the same tests run without it.
export CGO_ENABLED = 0
ifneq ($(shell command -v gcc),)
RACE := CGO_ENABLED=1 go test -race
else
RACE := echo "No gcc: the tests run without the race detector." && go test
endif

# Hundreds of groups, or of runs of the whole controller: one after the other, and not under the race detector, which the
# other integration tests are under. And what needs a machine of its own kind, which only its own target runs.
MANY := /test/\(e2e\|faults\|input\|node\)$$

# The stock simulator is not free of data races. It runs as a process of its own, except in its own tests.
RACY := /hack/vcsim/sim$$

# The tools are built by go from versions pinned in modules of their own, and cached by it.
TOOL          := go tool -modfile=hack/tools/go.mod
GOLANGCI_LINT := go tool -modfile=hack/tools/golangci-lint/go.mod golangci-lint

MODULES := . hack/benchplots hack/devcluster hack/tools hack/tools/golangci-lint hack/tools/promtool

##@ Build

.PHONY: build
build: ## Build bin/vmgroup-controller, by another name also the kubectl plugin, bin/vcsim, the vCenter simulator, and bin/demo
	go build -ldflags '$(LDFLAGS)' -o bin/vmgroup-controller .
	ln -sf vmgroup-controller bin/kubectl-vmgroup
	go build -o bin/vcsim ./hack/vcsim
	go build -o bin/demo ./hack/demo

.PHONY: devcluster
devcluster: ## Build bin/devcluster (a Kubernetes control plane) and bin/kubectl; about 7 minutes the first time
	@hack/build-devcluster.sh

.PHONY: devcluster-node
devcluster-node: ## Build bin/devcluster-node, which can run a kubelet and a scheduler too
	@hack/build-devcluster.sh node

# hack/build-image.sh says what can be set, for example IMAGE, PLATFORM and BASE.

.PHONY: image
image: ## Build the container image with docker, podman or buildah
	@VERSION="$(VERSION)" hack/build-image.sh

.PHONY: clean
clean: ## Remove bin/
	rm -rf bin

##@ Try

.PHONY: demo
demo: build devcluster ## Run controller, simulator and control plane together and show a VmGroup at work; ACT=class shows a class
	@bin/demo -act '$(ACT)'

# Ctrl-C is how it ends, and no failure. Make would take it for one, so the demo is a job that has the terminal to itself.
.PHONY: run
run: build devcluster ## Start the same environment as demo and leave it to you until Ctrl-C
	@set -m; bin/demo -keep; exit $$?

##@ Test

# -short leaves out the tests that take minutes each.

.PHONY: test
test: build devcluster ## Run all tests but the slow ones, with the race detector
	$(RACE) -short -timeout 20m $$(go list ./... | grep -v -e '$(RACY)' -e '$(MANY)')
	go test -short -timeout 10m ./hack/vcsim/...
	go test -short -timeout 20m -p 1 ./test/input ./test/e2e ./test/faults
	cd hack/devcluster && DEVCLUSTER_BIN="$(CURDIR)/bin/devcluster" go test -timeout 10m ./...
	cd hack/benchplots && go test ./...

.PHONY: test-unit
test-unit: build ## Run the tests that need no control plane: unit, contract, controller
	$(RACE) -short $$(go list . ./pkg/... ./hack/... | grep -v '$(RACY)')
	go test -short ./hack/vcsim/...

.PHONY: test-integration
test-integration: build devcluster ## Run the tests against the real control plane and the simulator
	$(RACE) -short -timeout 20m $$(go list ./test/... | grep -v '$(MANY)')

.PHONY: test-slow
test-slow: build devcluster ## Run all tests, the slow ones too
	$(RACE) -timeout 2h $$(go list ./... | grep -v -e '$(RACY)' -e '$(MANY)')
	go test -timeout 1h ./hack/vcsim/...
	go test -timeout 4h -p 1 ./test/input ./test/e2e ./test/faults

.PHONY: test-e2e
test-e2e: build devcluster ## Install what ships into a control plane, and live through upgrades, failures and removal; about 3 minutes
	go test -count=1 -v -timeout 15m ./test/e2e

# BASE and the like are for the image, see hack/build-image.sh.

.PHONY: test-e2e-node
test-e2e-node: build devcluster-node ## As root: install what ships on a real node, a kubelet with containerd, from the real image
	@VERSION="$(VERSION)" hack/test-node.sh

# SHARD=i/n plays one of n parts; PLAN=name plays one plan, or all whose names begin so; FAULTS_ORDER=2 plays pairs of
# crashes. A round that was stopped goes on where it was, as long as the version is the same.
.PHONY: test-faults
test-faults: build devcluster ## Let each call fail, hang, lose its answer or be the last one, in every scenario; about an hour
	FAULTS_DONE="$${FAULTS_DONE:-$(CURDIR)/bin/faults-$(VERSION)$(if $(PLAN),-plan,).done}" \
	go test -count=1 -v -timeout 0 $(if $(PLAN)$(FAULTS_ORDER),-run '^TestFaults$$') ./test/faults

# The logs of the controllers are kept in bin/_artifacts. A history like that of another run is had by its SEED.

DURATION ?= 20m

.PHONY: soak
soak: build devcluster ## Run the controller for DURATION while all that can happens at random, and look for what leaks or grows
	DURATION=$(DURATION) SEED=$(SEED) go test -count=1 -v -timeout 0 -artifacts -outputdir bin ./test/soak

.PHONY: test-image
test-image: ## Build the container image twice, and check that both are the same and hold what they should
	@VERSION="$(VERSION)" hack/test-image.sh

# What a target finds is kept as a file in testdata/fuzz of its package. Commit it: from then on every test run tries it.

FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Run each fuzz target in turn for FUZZTIME
	@for pkg in $$(go list ./pkg/...); do \
		for target in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
			echo "$$target in $$pkg"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s "$$pkg"; \
		done; \
	done

# BENCH is flags, for example BENCH='-only groups -groups 100', which takes a minute and is good for trying something out;
# `go run ./test/bench -help` lists them.

.PHONY: bench
bench: build devcluster ## Measure calls, latency, memory and throughput, and print a table; about an hour
	go run ./test/bench -json bin/bench.json $(BENCH)

# Small sizes do: make bench bench-plots BENCH='-only scale -sizes 100,300,1000'

.PHONY: bench-plots
bench-plots: ## Draw the plots of docs/scale.md from what make bench has measured last
	cd hack/benchplots && go run . -out ../../docs/scale ../../bin/bench.json

##@ Check

.PHONY: verify
verify: verify-format verify-imports verify-tidy verify-vet verify-lint verify-staticcheck verify-codegen verify-manifests verify-docs verify-metrics verify-alerts ## Check everything that can be checked without running tests

.PHONY: verify-format
verify-format: ## Check that the code is formatted by gofmt
	@unformatted="$$(gofmt -l .)"; \
	if [[ -n "$$unformatted" ]]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi

.PHONY: verify-imports
verify-imports: ## Check what may import what (hack/importrules)
	go run ./hack/importrules

.PHONY: verify-tidy
verify-tidy: ## Check that every go.mod says what its module needs
	for module in $(MODULES); do echo "go mod tidy: $$module"; (cd "$$module" && go mod tidy -diff); done

.PHONY: verify-vet
verify-vet: devcluster ## Run go vet
	go vet ./...
	cd hack/devcluster && go vet ./...
	cd hack/benchplots && go vet ./...

.PHONY: verify-lint
verify-lint: ## Check the rules of this repository that go vet does not know (hack/tools/lint)
	go build -C hack/tools -o ../../bin/lint ./lint
	go vet -vettool=bin/lint ./...

.PHONY: verify-staticcheck
verify-staticcheck: ## Run staticcheck, except on generated code
	$(TOOL) staticcheck $$(go list ./... | grep -v /pkg/generated/)

.PHONY: verify-codegen
verify-codegen: ## Check that the generated files are up to date
	hack/verify-codegen.sh

.PHONY: verify-manifests
verify-manifests: ## Check that artifacts/install*.yaml are up to date
	hack/verify-manifests.sh

.PHONY: verify-docs
verify-docs: ## Check that the generated parts of docs/ are up to date
	hack/verify-docs.sh

.PHONY: verify-metrics
verify-metrics: ## Check that docs/metrics.md is up to date
	hack/verify-metrics.sh

.PHONY: verify-alerts
verify-alerts: ## Check the alerts, and when they fire, with promtool; builds it first, which takes about 2 minutes once
	hack/verify-alerts.sh

.PHONY: lint
lint: ## Run more linters, with golangci-lint; slow, so not part of verify
	$(GOLANGCI_LINT) run ./...

##@ Change

.PHONY: update
update: ## Generate code and the CRD from pkg/apis, artifacts/install*.yaml and parts of docs/, and format
	hack/update-codegen.sh
	hack/update-manifests.sh
	hack/update-docs.sh
	hack/update-metrics.sh
	gofmt -w .

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
