# Wraps the first install, pytest and tox; everything else is theirs.

PYTHON ?= python3
TOPOLOGY ?= gke-kubedns
ARGS ?=

INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help conformance kind test lock clean

help: ## say this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

conformance: $(INSTALLED) ## boot a lab, run the core checks and a minute of load on it [TOPOLOGY=coredns] [KEEP=1] [ARGS="--check resolver"]
	.venv/bin/pytest --cluster lab --lab-topology $(TOPOLOGY) --profile load $(if $(KEEP),--keep) $(ARGS)

kind: $(INSTALLED) ## the core checks on kind clusters, with the Docker that runs or, as root, one of its own
	.venv/bin/tox -e kind

test: $(INSTALLED) ## lint, types, unit tests and proofs of the suite itself
	.venv/bin/tox -e test

lock: ## write requirements-dev.lock anew, with the hash of every file
	rm -rf .tox/lock
	$(PYTHON) -m venv .tox/lock
	.tox/lock/bin/pip install --quiet uv
	.tox/lock/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --group dev pyproject.toml \
	  --custom-compile-command "make lock" --output-file requirements-dev.lock

clean: ## remove what the other targets made here (not the lab's cache)
	rm -rf .venv .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis report

$(INSTALLED): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update --quiet && apt-get install --yes --quiet python3-venv; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes --requirement requirements-dev.lock
	.venv/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
