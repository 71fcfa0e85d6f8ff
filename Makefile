# Every target sets up what it needs: a fresh Debian or Ubuntu with Python 3.11+ (and its venv module), git and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

.PHONY: help demo demo-clean test test-hosts check format bench docs lock clean

help:           ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 16

$(READY): pyproject.toml requirements/dev.txt hatch_build.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fraisier needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(READY)

demo: $(READY)  ## a real service deployed, upgraded, broken and rolled back on this machine
	$(BIN)/python tools/demo.py run

demo-clean:     ## end what `make demo` left running, and remove it
	@if [ -x $(BIN)/python ]; then $(BIN)/python tools/demo.py clean; else rm -rf .demo; fi

test: $(READY)  ## all tests that this machine can run; those on booted hosts need root and mmdebstrap
	$(BIN)/python -m pytest -n auto --dist loadgroup

test-hosts: $(READY) ## the tests on booted hosts alone; fails where they cannot run
	FRAISIER_HOSTS_REQUIRED=1 $(BIN)/python -m pytest -n auto tests/hosts

check: $(READY) ## formatters, linters, types, layers, Ansible content
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/yamllint --strict .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/lint_collection.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## measure; figures land in bench-results/
	$(BIN)/python -m tests.bench

docs: $(READY)  ## generate docs/reference, inventory/ and the READMEs of the roles
	$(BIN)/python tools/docs.py
	$(BIN)/python -m tests.integration.collection.role_readme

lock: $(READY)  ## renew requirements/dev.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --group dev --extra postgres --extra aws --extra sops --extra vault \
	  --output-file requirements/dev.txt pyproject.toml

clean: demo-clean
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
