# Two commands do everything on a fresh machine with python3 (3.11+) and make:
#   make demo   set up, fit the Hudson Bay lynx and hare series, show the fit
#   make test   set up, run every check
# The others: make lint, make bench, make docs, make clean.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
INPUTS := pyproject.toml constraints.txt

.PHONY: demo test lint bench docs clean

demo: $(VENV)/plot.stamp
	$(BIN)/python examples/fit_lynx_hare.py

test: $(VENV)/test.stamp lint
	$(BIN)/python -m pytest
	$(MAKE) --no-print-directory docs

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/bench.stamp
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

docs: $(VENV)/docs.stamp
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --builder html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

# One stamp an extra: installing is done once, and again when the requirements change.
$(VENV)/%.stamp: $(INPUTS) | $(VENV)/bin/python
	$(PIP) --editable ".[$*]"
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sciad needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "python3 -m venv failed: on Debian or Ubuntu, install python3-venv"; exit 1; }

clean:
	rm -rf $(VENV) build dist docs/_build output
