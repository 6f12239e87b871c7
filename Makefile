# Everything that CI does, a person can do with the same target. Modules are read from go.work.
GO      ?= go
MODULES  = $(shell $(GO) list -m -f '{{.Dir}}')
DEV      = GOWORK=off $(GO) -C tools/dev tool
FUZZTIME ?= 10s
BENCHTIME ?= 1s
MUTANTS  ?= 60
SEED     ?= 0
# End-to-end encryption comes in with a tag: here its implementation in pure Go. An explicit -tags takes this one's place.
export GOFLAGS := $(strip $(GOFLAGS) -tags=goolm)

# UP starts the real servers around a command. SKIP_SERVERS=1 leaves them out, and the tests that need them say so.
UP       = $(if $(filter 1,$(SKIP_SERVERS)),,$(GO) run ./tools/testenv up --)

# STAGES runs the tests in stages; tools/dev/stages says which variables it takes. It is built, since go run passes no signal on.
export RACE SKIP_SERVERS STAGES PKG FLAKY_COUNT SOAK_RUNS SOAK_MESSAGES SOAK_KILLS BUSY
STAGE    = mkdir -p bin && $(GO) build -o bin/stages ./tools/dev/stages && exec bin/stages

# What is downloaded is downloaded first, and without a word, when go.work or a go.mod is newer than the last time.
DOWNLOAD = bin/.modules
$(DOWNLOAD): go.work $(shell git ls-files '*go.mod' '*go.sum')
	@sh tools/dev/modules.sh && mkdir -p bin && touch $@

.DEFAULT_GOAL := help

.PHONY: help
help: ## print these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: run
run: $(DOWNLOAD) ## start registry_api over this repository and print its address
	@$(GO) run ./cmd/registry_api -root .

.PHONY: test
test: $(DOWNLOAD) ## run the tests of all modules, on both homeservers, and sum up (RACE=1, SKIP_SERVERS=1, STAGES="main synapse", PKG=./functions/core/...)
	@sh tools/dev/deps.sh $(if $(filter 1,$(SKIP_SERVERS)),,chromium zsh fish 'pgbouncer?') g++
	@$(STAGE) test

.PHONY: quick
quick: $(DOWNLOAD) ## format, lint and test what has changed and what that reaches, without servers (SINCE=HEAD^)
	@$(GO) run ./tools/dev/quick $(if $(SINCE),-since $(SINCE))

.PHONY: as-user
as-user: ## as root: make test as an ordinary user, who is made if missing (TEST_USER=fnregistry), in a copy of this folder
	@sh tools/dev/as_user.sh make test RACE=

.PHONY: flaky
flaky: $(DOWNLOAD) ## run every package FLAKY_COUNT times (20), idle and next to busy loops (PKG=./functions/core/..., STAGES, BUSY=3)
	@sh tools/dev/deps.sh $(if $(filter 1,$(SKIP_SERVERS)),,chromium zsh fish 'pgbouncer?') g++
	@$(STAGE) flaky

.PHONY: soak
soak: $(DOWNLOAD) ## kill sqlite_api SOAK_KILLS times (200) per driver and journal mode, then run the Matrix proof SOAK_RUNS times (100) with SOAK_MESSAGES (2000) on both homeservers, next to busy loops (BUSY=3)
	@$(STAGE) soak

.PHONY: proof
proof: $(DOWNLOAD) ## 20,000 Matrix messages through faults, kills and restarts: each posted once, each acknowledged once
	$(GO) run ./tools/testenv up matrix -- $(GO) test -v -count=1 -timeout 60m ./functions/infra/matrix/proof -args -messages 20000

# STEP names what runs, says that it still does, and how long it took.
STEP     = sh tools/dev/step.sh

.PHONY: lint
lint: $(DOWNLOAD) ## check every spec against its code; width and imports, licenses, go vet, staticcheck, gofmt
	@$(STEP) "frontmatter-lint -examples" $(GO) run ./tools/frontmatter-lint -examples .
	@$(STEP) "go vet" $(GO) vet work
	@$(STEP) "go vet without tags" $(GO) vet -tags= ./functions/infra/matrix/...
	@$(STEP) "layout" $(GO) run ./tools/dev/layout
	@$(STEP) "licenses" $(GO) run ./tools/dev/licenses
	@$(STEP) "no built programs, gofmt" sh tools/dev/files.sh
	@bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && \
	$(STEP) "build staticcheck" env GOWORK=off $(GO) build -C tools/dev -o $$bin/ honnef.co/go/tools/cmd/staticcheck && \
	for m in $(MODULES); do $(STEP) "staticcheck $${m#$(CURDIR)/}" sh -c "cd $$m && $$bin/staticcheck ./..." || exit 1; done

.PHONY: fix
fix: $(DOWNLOAD) ## fill in the specs from the code, format, rewrap comments and group imports
	$(GO) run ./tools/frontmatter-lint -fix .
	$(GO) run ./tools/dev/layout -fix
	git ls-files -co --exclude-standard '*.go' | xargs gofmt -w

.PHONY: generate
generate: $(DOWNLOAD) ## regenerate generated files: the published JSON Schema
	@$(GO) -C fn_registry test -count=1 ./spec -run JSONSchema -update >/dev/null

.PHONY: build
build: $(DOWNLOAD) ## build all programs to bin/, as they are released
	@mkdir -p bin
	@$(GO) run ./tools/dev/sizes -o $(CURDIR)/bin

.PHONY: sizes
sizes: $(DOWNLOAD) ## check the size budget of every program, and the packages it must not link (SINCE=HEAD^: what it grew by)
	$(GO) run ./tools/dev/sizes $(if $(SINCE),-since $(SINCE))

.PHONY: weigh
weigh: $(DOWNLOAD) ## measure what each unit adds to a program, for fn show and registry_api
	$(GO) run ./cmd/fn size --all

.PHONY: alone
alone: $(DOWNLOAD) ## build every module without the workspace, and check that its go.mod is tidy
	@for m in $(MODULES); do echo "alone $$m"; (cd $$m && GOWORK=off $(GO) build -o /dev/null ./... && GOWORK=off $(GO) mod tidy -diff) || exit 1; done

.PHONY: fuzz
fuzz: $(DOWNLOAD) ## run every fuzz test for FUZZTIME, a time or a number of inputs as 500x (default 10s)
	$(UP) sh tools/dev/fuzz.sh $(FUZZTIME)

.PHONY: mutate
mutate: $(DOWNLOAD) ## change the registry core in MUTANTS small places (60), one at a time, and list those that no test notices (SEED=1 for the same ones)
	$(GO) run ./tools/dev/mutate -n $(MUTANTS) -seed $(SEED) ./fn_registry/...

.PHONY: bench
bench: $(DOWNLOAD) ## measure speed, side by side with what a user would take instead
	@sh tools/dev/deps.sh ripgrep g++ sqlite3 python3-venv
	$(UP) $(GO) test -run='^$$' -p 1 -bench=. -benchtime=$(BENCHTIME) -timeout 60m work

.PHONY: ci
ci: lint alone sizes ## what .ci/run does next to the tests
