# `make demo` and `make test` set everything up by themselves; they need Python 3.11 or newer, git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JOBS   ?= auto
WORLDS ?= 500
SEED   ?= 1
# What the tests run beside Python: JavaScript packages, generators of clients (which need an older typer), a browser.
JAVASCRIPT := tests/javascript/node_modules/.ready
GENERATORS := $(VENV)/generators
BROWSERS   := chromium chromium-browser google-chrome google-chrome-stable
LOCK       := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
              --no-header --no-emit-index-url --no-emit-find-links

.PHONY: help setup tools browser demo saas quick test proof torture simulate planted mutants bench check lint types contracts tests format lock client reference errors declines events diagram clean

help: ## Say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## Create the environment from the lock file

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; run: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --system-certs --quiet --compile-bytecode --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --system-certs --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

tools: $(JAVASCRIPT) $(GENERATORS)/.ready browser ## Install what the tests run beside Python

$(JAVASCRIPT): tests/javascript/package-lock.json | $(READY)
	$(BIN)/npm ci --silent --prefix tests/javascript
	@touch $@

$(GENERATORS)/.ready: tests/generators/requirements.lock | $(READY)
	$(BIN)/python -m venv --clear --without-pip $(GENERATORS)
	VIRTUAL_ENV=$(GENERATORS) $(BIN)/uv pip install --system-certs --quiet --require-hashes -r tests/generators/requirements.lock
	@touch $@

# Debian's Chromium where it can be installed; elsewhere the tests that need a browser fail, and say how to get one.
browser:
	@for each in $(BROWSERS); do command -v $$each >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "apt-get install chromium"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
	  echo "There is no Chromium on the PATH: the tests that drive a browser will fail. Install the package chromium."; \
	fi

demo: $(READY) ## Live through a year of subscriptions in a minute
	@$(BIN)/billing demo

saas: $(READY) ## Run the example SaaS against the sandbox, until Ctrl-C
	@$(BIN)/python examples/saas/run.py

quick: $(READY) ## The inner loop, under half a minute: lint, import contracts, tests of plans and domain
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest --numprocesses $(JOBS) tests/plans tests/domain

test: lint types contracts tests ## Every check but the proofs: format, lint, types, contracts, tests on SQLite and PostgreSQL

proof: $(READY) tools ## What takes longer: simulated worlds, planted bugs, crashes, torture, generated clients, API fuzzing
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal -m proof

torture: $(READY) ## Torture for SECONDS=600 with SEED=1: kill, stop, cut and crash, and end with every won right
	TORTURE_SECONDS=$(or $(SECONDS),600) TORTURE_SEED=$(or $(SEED),1) $(BIN)/python -m pytest -s -n 0 --no-header tests/torture

check: lint types contracts ## The checks that need no database

lint: $(READY)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: $(READY)
	$(BIN)/mypy
	MYPYPATH=examples/saas $(BIN)/mypy examples/saas/app.py examples/saas/run.py

contracts: $(READY)
	$(BIN)/lint-imports --no-cache

tests: $(READY) tools
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal -m "not proof and not untraced" --cov --cov-report=
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal -m "not proof and untraced" tests/stories tests/tables
	$(BIN)/coverage report --skip-covered --skip-empty --fail-under=95
	$(BIN)/coverage report --include='plans/*,billing/domain/*' --skip-covered --fail-under=100

simulate: $(READY) ## Search WORLDS simulated worlds, from SEED on, for one that charges twice or loses a renewal
	$(BIN)/python -m tests.simulation --worlds $(WORLDS) --seed $(SEED)

planted: $(READY) ## Plant bugs in copies of this tree, and tell which catchers catch each of them
	$(BIN)/python -m tests.planted

mutants: $(READY) ## Make small mistakes in plans, domain and the charging act, and tell which no test notices
	$(BIN)/python -m tests.mutation

bench: $(READY) ## Race the daemon against its floors, burst webhooks at the API, and load it; an hour on an idle machine
	$(BIN)/python -m bench
	$(BIN)/python -m bench.stored
	$(BIN)/python -m bench.load
	$(BIN)/python -m bench.sandbox

format: $(READY) ## Format the code and mend what can be mended
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

lock: $(READY) ## Write the lock files anew from pyproject.toml and tests/generators/requirements.in
	$(LOCK) --group dev pyproject.toml --output-file requirements.lock
	$(LOCK) tests/generators/requirements.in --output-file tests/generators/requirements.lock

client: $(READY) ## Write the models and methods of billing.client anew from the OpenAPI document
	$(BIN)/python -m tools.write_client

reference: $(READY) ## Write docs/reference anew: the OpenAPI document and the methods of the client
	$(BIN)/python -m tools.write_api_reference

errors: $(READY) ## Write the tables of docs/errors.md anew from the code
	$(BIN)/python -m tools.write_error_tables

declines: $(READY) ## Write the table of decline classes of docs/concepts.md anew from the code
	$(BIN)/python -m tools.write_decline_table

events: $(READY) ## Write the list of events of docs/webhooks.md anew from the code
	$(BIN)/python -m tools.write_event_list

diagram: $(READY) ## Draw the states into ARCHITECTURE.md
	$(BIN)/python -m tools.draw_states

clean: ## Remove everything that was made
	rm -rf $(VENV) tests/javascript/node_modules demo .coverage .coverage.* .mypy_cache .ruff_cache
