# Two commands: `make quickstart` and `make test`. Both need python3, pip and make, and no more.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= quickstart

SIZE ?= cpu

.PHONY: quickstart replicate test test-slow test-all test-rounding lint docs clean

# The constraints file keeps torch at the version that was tried, and pip from replacing it.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: $(VENV)/.installed
	@$(BIN)/python -m idvae.cli.quickstart $(OUT)

# Does the paper hold? All plans of a size (cpu, gpu-cifar10, gpu-celeba); called again it goes on.
# On two cores the size cpu takes hours; docs/replication.md tells how to repeat one line of it.
replicate: $(VENV)/.installed
	@$(BIN)/python replication/replicate.py $(SIZE)

# One thread a worker: two workers with two threads each would stand in each other's way.
ONE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2
TWO := OMP_NUM_THREADS=2 $(BIN)/python -m pytest -n 1

test: $(VENV)/.installed
	$(ONE) -m "not slow"

# Processes that are killed, several processes, levels of tests by simulation, large sets, bfloat16.
test-slow: $(VENV)/.installed
	$(ONE) -m slow

test-all: $(VENV)/.installed
	$(ONE)

# The tests of `test` where sums round otherwise: kernels of other processors (torch's, oneDNN's and
# MKL's, OpenBLAS's), and two threads. Four times as long.
test-rounding: $(VENV)/.installed
	ATEN_CPU_CAPABILITY=default OPENBLAS_CORETYPE=Nehalem $(ONE) -m "not slow"
	ATEN_CPU_CAPABILITY=avx2 $(ONE) -m "not slow"
	ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=COMPATIBLE $(ONE) -m "not slow"
	$(TWO) -m "not slow"

lint: $(VENV)/.installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

# The site of docs/, in build/site: it opens from disk; a dead link fails.
$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(VENV)/.docs
	$(BIN)/python docs/site.py

clean:
	rm -rf $(VENV) build dist src/*.egg-info
