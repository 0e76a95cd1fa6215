# SPDX-License-Identifier: Apache-2.0
# Everything needs Python (3.11 or newer) and make alone; `make setup` fetches the rest, by hash.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
# Workers of the test run: two fit two cores.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup dev serve test check facts fuzz soak bench docs format clean

help:  ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(STAMP)  ## Make .venv with everything that is locked in requirements/dev.txt

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stockade needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

dev: $(STAMP)  ## Start a development server on http://127.0.0.1:4566
	@exec $(BIN)/stockade dev

serve: $(STAMP)  ## Start a durable server with its data in ./.stockade
	@exec $(BIN)/stockade serve --data .stockade

test: $(STAMP)  ## Run the tests, on SQLite and on PostgreSQL, with the real clients
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q

facts: $(STAMP)  ## Print which facts of the AWS behaviour reference hold
	$(BIN)/python -m tests.facts

check: $(STAMP)  ## Format, lint, types, import contracts, docs
	$(BIN)/ruff format --check src tests bench tools
	$(BIN)/ruff check src tests bench tools
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/write_docs.py --check
	$(BIN)/python -m towncrier build --draft --version check >/dev/null

format: $(STAMP)  ## Format the code and mend what ruff can mend
	$(BIN)/ruff format src tests bench tools
	$(BIN)/ruff check --fix src tests bench tools

docs: $(STAMP)  ## Write the generated pages anew
	$(BIN)/python tools/write_docs.py

fuzz: $(STAMP)  ## Run the random tests long
	STOCKADE_POLICY_CASES=1000000 STOCKADE_MUTATIONS=10000 STOCKADE_VECTORS_ALL=1 HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n $(JOBS) -q tests/policy tests/protocol tests/store tests/vectors

soak: $(STAMP)  ## Kill a loaded server 200 times and account for every answer
	STOCKADE_KILLS=200 $(BIN)/python -m pytest -q tests/house/test_kill.py

bench: $(STAMP)  ## Measure against OpenBao, MiniStack and moto; writes bench/README.md
	$(BIN)/python -m bench

clean:  ## Remove what was made
	rm -rf $(VENV) .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
