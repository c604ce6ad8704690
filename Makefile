# Dipper. `make help` lists the targets.

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X dipper/cmd/internal/command.version=$(VERSION)
BUILD   := $(GO) build -trimpath -ldflags '$(LDFLAGS)'
# The agent speaks no HTTP/2: WebSockets and its own page are HTTP/1.1. Without it the program is 0.4 MB smaller.
AGENT   := $(BUILD) -tags nethttpomithttp2
WEB     := stream/web
# Versions of the tools that lint; they are built from source through the module proxy.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.DEFAULT_GOAL := help
.PHONY: help run test test-go test-page test-browser build agent-all page lint bench fuzz spool-year model chaos chaos-short conformance clean tools-go tools-test

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Build everything and start the demo: service, simulated modules, agents
	bin/dipper demo --data data/demo

test: tools-test lint test-page test-go test-browser ## Everything that CI runs
	@echo "all tests passed"

test-go: tools-test agent-all ## Go tests with the race detector, on the embedded store, Redis and a Redis Cluster
	$(GO) test -race -shuffle=on -timeout 15m ./...

test-page: $(WEB)/node_modules ## The page: types, unit tests, and that the committed build is the sources' build
	npm --prefix $(WEB) run typecheck
	npm --prefix $(WEB) test
	.ci/page-is-built

test-browser: build tools-test $(WEB)/node_modules ## The page in a real Chromium against a running demo
	.ci/browser-test

build: tools-go ## The three binaries into bin/
	$(BUILD) -o bin/dipper ./cmd/dipper
	$(BUILD) -o bin/dipper-sim ./cmd/dipper-sim
	CGO_ENABLED=0 $(AGENT) -o bin/dipper-agent ./cmd/dipper-agent

agent-all: tools-go ## The agent for the boards it runs on, each checked to be under 12 MB
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(AGENT) -o bin/dipper-agent-linux-amd64 ./cmd/dipper-agent
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=7 $(AGENT) -o bin/dipper-agent-linux-armv7 ./cmd/dipper-agent
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(AGENT) -o bin/dipper-agent-linux-arm64 ./cmd/dipper-agent
	CGO_ENABLED=0 GOOS=linux GOARCH=mipsle GOMIPS=softfloat $(AGENT) -o bin/dipper-agent-linux-mipsle ./cmd/dipper-agent
	@for f in bin/dipper-agent-linux-*; do \
		size=$$(stat -c %s $$f); echo "$$f $$size bytes"; \
		[ $$size -lt 12000000 ] || { echo "$$f is not under 12 MB"; exit 1; }; done

page: $(WEB)/node_modules ## Build the page into stream/web/dist, which is committed
	npm --prefix $(WEB) run build

lint: tools-go $(WEB)/node_modules ## gofmt, go vet, staticcheck, tsc; govulncheck where its database can be reached
	@files=$$(git ls-files '*.go' | xargs gofmt -l); [ -z "$$files" ] || { echo "not gofmt: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	npm --prefix $(WEB) run typecheck
	@GOVULNCHECK=$(GOVULNCHECK) .ci/vulnerabilities

bench: tools-test ## First figures as JSON lines: name, value, unit, ratio_to
	@.ci/bench

fuzz: tools-go ## Every fuzz target for FUZZTIME, 30s if not said, one after the other
	.ci/fuzz

spool-year: tools-go ## A year of fixes at 1 Hz through the spool, read back one by one (make test does a month)
	DIPPER_SPOOL_YEAR=1 $(GO) test ./receiver/spool -run TestYearReadsBackRight -count=1 -v

# The same SEED makes the same runs.
SEED ?= $(shell date +%s)
model: tools-go ## 12,000 runs of two nodes with mishaps at every call of the store, against a model in memory (make test: 300)
	RAPID_CHECKS=4000 $(GO) test ./fleet -run TestWhateverGoesWrongEndsAsTheModelSays -count=1 -v -rapid.seed=$(SEED)

chaos: build tools-test ## Ten minutes of faults: 2,000 agents, two nodes, a Redis Cluster that fails over; one JSON object (CHAOS=flags)
	$(GO) run ./cmd/internal/chaos --seed $(SEED) $(CHAOS)

chaos-short: tools-test ## The same with 60 agents in half a minute, as make test runs it
	$(GO) test ./cmd/internal/chaos -count=1 -v

conformance: tools-go ## The decoder beside gpsd's own output, a line a recording (needs the shared recordings)
	$(GO) test ./positioning -run AgreesWithGPSD -count=1 -v

clean: ## Remove what the other targets made, the demo's data included
	rm -rf bin data $(WEB)/node_modules

# npm ci only when the lock file changed.
$(WEB)/node_modules: $(WEB)/package-lock.json
	@.ci/need node nodejs
	@.ci/need npm npm
	npm --prefix $(WEB) ci --no-audit --no-fund
	@touch $@

tools-go:
	@.ci/need $(GO) golang
	@.ci/need cc gcc libc6-dev

tools-test: tools-go
	@.ci/need redis-server redis-server
	@.ci/need chromium chromium fonts-dejavu-core
	@.ci/need gpsd gpsd
