# Two commands: `make quickstart` and `make test`. Both need python3, pip and make, and no more.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= quickstart

.PHONY: quickstart test test-all lint clean

# The constraints file keeps torch at the version that was tried, and pip from replacing it.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: $(VENV)/.installed
	@$(BIN)/python -m idvae.cli.quickstart $(OUT)

# One thread a worker: two workers with two threads each would stand in each other's way.
test: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

test-all: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build dist src/*.egg-info
