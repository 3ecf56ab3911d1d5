# One way to run each thing. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
STAMP := .venv/.installed
JOBS ?= 2

# The stamp names the folder it was made in: a copied .venv is set up again rather than run from its old place.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

.PHONY: help setup servers compiler run test check stack stack-down stack-status bench demo-kafka bench-kafka test-faults compile lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r target text; do printf '  make %-12s %s\n' "$$target" "$$text"; done

setup: $(STAMP) ## Make .venv with the locked packages; quick when nothing changed

$(STAMP): requirements.lock pyproject.toml deploy/setup/python.sh
	@deploy/setup/python.sh

servers: $(STAMP) ## Have the servers of stack and tests: Debian packages and the jars of Kafka; quick when they are there
	@deploy/setup/servers.sh

compiler: $(STAMP) ## Have a C compiler and the headers of Python, for the tests of compiled code; quick when they are there
	@deploy/setup/compiler.sh

run: $(STAMP) ## Simulate a day in a district, run it, print what became of it
	@$(BIN)/wangge demo

test: check servers compiler ## Every check and every test
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

check: $(STAMP) ## Lint, formatting, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

stack: servers ## Start Kafka, ClickHouse and Prometheus on this machine and print their addresses
	@$(BIN)/python -m deploy.stack up

stack-down: $(STAMP) ## Stop them; their data stays in out/stack
	@$(BIN)/python -m deploy.stack down

stack-status: $(STAMP) ## Tell what of the stack runs, and where
	@$(BIN)/python -m deploy.stack status

bench: compile ## Measure rates and memory on this machine, compiled where a compiler is there
	@$(BIN)/python bench/run.py

demo-kafka: servers ## The same day through Kafka, workers and the sink, compared with one process
	@$(BIN)/python -m tests.support.standin $(BIN)/wangge demo --kafka --sink

bench-kafka: servers compile ## Measure beside other stream frameworks on one broker; writes docs/benchmarks-kafka.md
	@deploy/setup/peers.sh
	@$(BIN)/python -m bench.kafka --markdown

test-faults: servers ## The fault matrix: kill, freeze and starve real processes on real servers
	@$(BIN)/python -m tests.faults

compile: $(STAMP) ## Translate the modules that cost most to machine code; without it they run as they are
	@$(BIN)/python deploy/compile.py

lock: $(STAMP) ## Pin the dependencies of pyproject.toml anew, with hashes
	@CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --extra dev --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe \
	  --output-file requirements.lock pyproject.toml

clean: ## Remove caches, builds and out/; keeps .venv
	@rm -rf build out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0r rm -rf
