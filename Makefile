# Rowan. `make help` lists what there is.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO      ?= go
# Pure Go, no paths of the build machine, no time stamps: the same source and
# version give the same binary.
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$(VERSION)"
TOOLS    = $(CURDIR)/.tools

.PHONY: help build run reset test check bench bench-match bench-pdq bench-edits bench-talk torture-media torture-stream mutate client console generate clean setup

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## Build build/rowan and the authority's stand-in
	@mkdir -p build
	$(BUILD) -o build/rowan ./cmd/rowan
	$(BUILD) -o build/ncmec-standin ./internal/fakes/ncmec/standin

run: build ## Start everything on 127.0.0.1:8080 with harmless sample data
	@scripts/run

reset: ## Forget what `make run` has stored
	rm -rf data

test: ## Every test, on a bare Debian with Go and root (installs what is missing)
	@scripts/test

check: ## Format, vet, lint, licences, known vulnerabilities, generated files
	@scripts/check

bench: ## Benchmarks of the public packages
	$(GO) test -run '^$$' -bench . -benchtime 1s ./pdq ./hamming ./franking ./internal/policy

bench-match: ## Package hamming beside faiss, up to 10 million keys (installs python3-faiss; needs root)
	@scripts/bench-match

bench-pdq: ## Package pdq: all kernels, and JPEG bytes to hash beside djpeg
	@scripts/bench-pdq

bench-edits: ## Which edits of a picture are found again, beside plain PDQ (downloads Debian's wallpapers)
	@scripts/bench-edits

bench-talk: ## Conversations: messages a second on one core, an update, a state, beside the targets
	@scripts/bench-talk

torture-media: ## N hostile files through the decoders (default 20000): outcomes, deaths, memory, escapes
	@N=$(N) scripts/torture-media

torture-stream: ## The event stream's processes killed N times (default 500): lost, twice, out of order
	@N=$(N) scripts/torture-stream

mutate: ## A million altered messages and reports through package franking: none may be accepted
	$(GO) test -count=1 -run 'Mutate' -v ./franking -franking.mutations 1000000

client: ## Build and test web/client, print its size
	@scripts/client

console: ## Rebuild web/console/dist
	@scripts/console

generate: ## Rewrite generated files: sqlc, openapi.json, the console's types, deps.txt
	@scripts/generate

setup: ## Install what the tests need (Debian packages; needs root)
	@scripts/setup

clean: ## Remove what was built
	rm -rf build .tools
