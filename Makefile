# Every target sets itself up: the first one makes .venv and installs the project into it.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
# A process a core, one thread each. Idle ones take over whole halves of what others have left, so that tests of one
# file mostly stay together and share what they build.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist worksteal

.PHONY: help install demo test test-all test-fast lint format

help:
	@echo "make demo       both modes on a photo and on rendered heads and a clip with known truth; see runs/demo*"
	@echo "make test       every test but those of the benchmark scripts"
	@echo "make test-all   these too"
	@echo "make test-fast  the tests that take seconds"
	@echo "make lint       ruff and pyright"
	@echo "make format     let ruff rewrite the code"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "this project needs Python 3.10 to 3.13, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)"; \
	  echo "name another one, for example: make $(or $(MAKECMDGOALS),test) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python teacher/demo.py out=runs/demo
	$(BIN)/python student/demo.py out=runs/demo_student

test: $(INSTALLED)
	$(PYTEST) -m "not benchmark"

test-all: $(INSTALLED)
	$(PYTEST)

test-fast: $(INSTALLED)
	$(PYTEST) -m "not slow and not benchmark"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
