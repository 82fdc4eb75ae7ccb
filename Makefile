# The exchange's commands. `make help` lists them.
# Everything is built into .venv and build/; what the exchange keeps lies in $EXCHANGE_HOME (default: var/).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_IN := bin/python -m pip install -qq --disable-pip-version-check --require-hashes
PIP := $(VENV)/$(PIP_IN)
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links
CLIENTS := $(patsubst examples/clients/%.lock,.clients/%/.installed,$(wildcard examples/clients/*.lock))
LOCKED := $(basename $(wildcard examples/*/*.in))
export MAKECMDGOALS
export EXCHANGE_INTERPRETED

.DEFAULT_GOAL := help
.PHONY: help up down build test soak check lint fmt bench sim chaos localbook bot lock clean
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

up: build  ## run the whole exchange: http://127.0.0.1:$EXCHANGE_PORT, state in $EXCHANGE_HOME; Ctrl-C stops it
	@EXCHANGE_DEMO=$${EXCHANGE_DEMO:-1} exec $(BIN)/python -m exchange up

down:  ## stop the exchange that runs in $EXCHANGE_HOME
	@$(BIN)/python -m exchange down

build: $(VENV)/.package  ## the virtual environment and the compiled engine
	@if [ -z "$$EXCHANGE_INTERPRETED" ] && [ "$$($(BIN)/python -m exchange.compiled)" != compiled ]; then \
	    echo "compiling the engine (half a minute)"; $(BIN)/python -W ignore setup.py -q build_ext --inplace; \
	fi

test: build $(VENV)/.dev $(CLIENTS)  ## every test, on real servers of its own
	@$(BIN)/python -m pytest -m "not soak" -n 2

soak: build $(VENV)/.dev $(CLIENTS)  ## the long runs: 100,000 sequences against the reference, two million requests by chance (an hour or more)
	@$(BIN)/python -m pytest -m soak -n 2

check: lint  ## linters, types, contracts and the fast tests, in under a minute
	@$(BIN)/python -m pytest -q tests/unit tests/tidy

lint: build $(VENV)/.dev  ## linters, types, import contracts, determinism, house rules, stale build
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@mkdir -p build; $(BIN)/lint-imports --no-logo > build/imports.txt || { cat build/imports.txt; exit 1; }
	@$(BIN)/python -m tools.determinism
	@$(BIN)/python -m tools.tidy
	@$(BIN)/python -m exchange.compiled > /dev/null || { echo "the compiled engine is stale: make build"; exit 1; }

fmt: $(VENV)/.dev  ## format the sources
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

bench: build $(VENV)/.bench  ## measure, into build/bench.json; ONLY=pattern picks
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only '$(ONLY)')

sim: build $(VENV)/.dev  ## the deterministic fault simulator; RUNS= and SEED= as wished
	@$(BIN)/python -m tests.simulation $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

chaos: build $(VENV)/.dev  ## break a whole exchange in real processes, then balance its books; MINUTES= (2) and SEED= as wished
	@$(BIN)/python -m tests.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

localbook: build $(VENV)/.dev  ## keep books by the venue's published steps under load, and count gaps; MINUTES= (3) as wished
	@LOCALBOOK_MINUTES=$(or $(MINUTES),3) $(BIN)/python -m pytest -q -s -m soak tests/integration/test_local_book.py

bot: build .clients/freqtrade/.installed  ## a freqtrade bot trades on the exchange that runs; MINUTES= (3) as wished
	@$(BIN)/python examples/bot/run.py http://127.0.0.1:$${EXCHANGE_PORT:-8000} $(if $(MINUTES),--minutes $(MINUTES))

lock: $(VENV)/.dev  ## bring the requirements' locks up to date
	@$(LOCK) requirements.in -o requirements.lock $(ARGS)
	@$(LOCK) requirements-build.in -c requirements.lock -o requirements-build.lock $(ARGS)
	@$(LOCK) requirements-dev.in -c requirements.lock -c requirements-build.lock -o requirements-dev.lock $(ARGS)
	@$(LOCK) requirements-bench.in -c requirements.lock -c requirements-build.lock -c requirements-dev.lock \
	    -o requirements-bench.lock $(ARGS)
	@for each in $(LOCKED); do $(LOCK) $$each.in -o $$each.lock $(ARGS) || exit 1; done

clean:  ## remove what was built (.venv, build, compiled modules); what the exchange keeps stays
	@rm -rf $(VENV) .clients build dist src/*.egg-info src/*.so src/exchange/compiled.*.json
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests tools benchmarks -name '*.so' -delete -o -name '*.pyc' -delete 2>/dev/null || true

$(VENV)/.python: tools/preflight.sh
	@tools/preflight.sh $(PYTHON)
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p build
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements.lock requirements-build.lock
	@echo "installing what the exchange runs on"
	@$(PIP) -r requirements.lock -r requirements-build.lock
	@touch $@

$(VENV)/.package: $(VENV)/.run pyproject.toml setup.py
	@EXCHANGE_INTERPRETED=1 $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "installing the tools for tests and checks"
	@$(PIP) -r requirements-dev.lock
	@touch $@

.clients/%/.installed: $(VENV)/.python examples/clients/%.lock
	@echo "installing $*"
	@$(PYTHON) -m venv .clients/$*
	@.clients/$*/$(PIP_IN) -r examples/clients/$*.lock
	@touch $@

.clients/freqtrade/.installed: $(VENV)/.python examples/bot/freqtrade.lock
	@echo "installing freqtrade (600 MB)"
	@$(PYTHON) -m venv .clients/freqtrade
	@.clients/freqtrade/$(PIP_IN) -r examples/bot/freqtrade.lock
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements-bench.lock
	@echo "installing other engines to compare with"
	@$(PIP) -r requirements-bench.lock
	@touch $@
