# `make help` lists what there is. Nothing but Python 3.11, Go 1.26 and make is needed; the rest is set up here.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
PY := $(VENV)/bin/python
# The first interpreter that is new enough; `make PYTHON=/path/to/python3.13 setup` chooses another.
PYTHON ?= $(firstword $(foreach one,python3 python3.14 python3.13 python3.12 python3.11,\
  $(shell $(one) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(one))))
PIP := $(PY) -m pip --disable-pip-version-check --quiet

# Lines stay together when targets run side by side, where make can do that (4.0).
TOGETHER := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# Tests on the control plane wait more than they work: two of them more than there are cores. With three more the
# machine falls behind the seconds of their stories.
PLANE_JOBS := $(shell expr 2 + $(JOBS))

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# -- set up --------------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.package ## Make the virtual environment from the locked dependencies

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Ebbtide needs Python 3.11 or newer, and none is in PATH: install one, or say make PYTHON=/path/to/python3.13 setup." >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module of $(PYTHON) does not work; on Debian and Ubuntu install python3-venv." >&2; exit 1; }
	@touch $@

$(VENV)/.dependencies: locks/dev.txt | $(VENV)/.python
	@echo "installing the locked dependencies (about a minute the first time)"
	@$(PIP) install --require-hashes -r locks/dev.txt
	@touch $@

$(VENV)/.package: pyproject.toml $(VENV)/.dependencies
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: binaries
binaries: setup ## Build the local control plane's programs once, into the user's cache
	@$(PY) -m e2e.binaries.build

# -- see it --------------------------------------------------------------------------------------------------------

CLUSTER := local

.PHONY: demo
demo: setup $(if $(filter kind,$(CLUSTER)),,binaries) ## Show an idle GPU job being paused on a real control plane (CLUSTER=kind: in Docker; untested)
	@$(PY) -m e2e.demo $(CLUSTER)

.PHONY: demo-down
demo-down: setup ## Stop what the demo left running
	@$(PY) -m e2e.demo down

# -- check it ------------------------------------------------------------------------------------------------------

FAST_TESTS := tests/golden tests/unit
CHECKS := ruff format mypy imports tests

# One line a check; the output of one that failed is shown whole.
define checked
@began=$$(date +%s); log=$$(mktemp); \
if $(2) >"$$log" 2>&1; then echo "ok      $(1) ($$(($$(date +%s) - began)) s)"; rm -f "$$log"; \
else cat "$$log"; rm -f "$$log"; echo "FAILED  $(1): $(2)"; exit 1; fi
endef

.PHONY: check
check: setup ## Lint, format, types, import layers, fast tests
	@$(MAKE) --no-print-directory --keep-going --jobs=$(JOBS) $(TOGETHER) $(CHECKS:%=check-%) || \
	  { echo "make check: failed, see FAILED above" >&2; exit 1; }

.PHONY: check-static
check-static: setup
	@$(MAKE) --no-print-directory --keep-going --jobs=$(JOBS) $(TOGETHER) $(patsubst %,check-%,$(filter-out tests,$(CHECKS))) || \
	  { echo "make test: failed, see FAILED above" >&2; exit 1; }

.PHONY: $(CHECKS:%=check-%)
check-ruff:
	$(call checked,ruff,$(VENV)/bin/ruff check .)
check-format:
	$(call checked,format,$(VENV)/bin/ruff format --check .)
check-mypy:
	$(call checked,mypy,$(VENV)/bin/mypy operator/ebbtide e2e)
check-imports:
	$(call checked,imports,$(VENV)/bin/lint-imports)
check-tests:
	$(call checked,tests,$(PY) -m pytest -q -n $(JOBS) --dist worksteal $(FAST_TESTS))

.PHONY: test
test: setup binaries check-static ## Run every test, those on the real control plane included
	@$(PY) -m pytest -n $(JOBS) --dist worksteal tests
	@$(PY) -m pytest -n $(PLANE_JOBS) --dist loadfile --no-loadscope-reorder -m "not soak" e2e/tests

.PHONY: bench
bench: setup binaries ## Measure what docs/benchmarks.md states
	@$(PY) -m tests.bench

.PHONY: soak
soak: setup binaries ## The same with full counts, what is too long for make test, then the image; takes long
	@status=0; $(PY) -m tests.bench --full || status=1; $(PY) -m pytest -m soak e2e/tests || status=1; \
	  $(PY) -m e2e.image || status=1; exit $$status

.PHONY: image
image: setup ## Build the image on a base of Debian packages, without an engine, and run it (as root)
	@$(PY) -m e2e.image

# -- write it ------------------------------------------------------------------------------------------------------

.PHONY: generate
generate: setup ## Write the generated files anew: CRDs, RBAC and what else comes from code
	@$(PY) -m ebbtide.api.generate
	@$(PY) -m ebbtide.api.generate charts/ebbtide/crd-files
	@$(PY) -m ebbtide.cluster.rbac

PIP_COMPILE := $(VENV)/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-trusted-host \
  --no-emit-find-links --strip-extras --no-header --allow-unsafe

.PHONY: lock
lock: setup ## Resolve the dependencies anew and write locks/
	@$(PIP_COMPILE) --upgrade -o locks/runtime.txt pyproject.toml
	@$(PIP_COMPILE) --upgrade --extra dev -c locks/runtime.txt -o locks/dev.txt pyproject.toml
