# The two commands for a fresh machine:
#   make run    the main job: check the checkpoint that ships with the repository (no GPU needed)
#   make test   lint, format, types and all tests that need no GPU
# Both build .venv first if it is missing or older than pyproject.toml or constraints.txt.

PYTHON ?= $(firstword $(shell command -v python3.11 python3 2>/dev/null) python3)
VENV := .venv
BIN := $(VENV)/bin
BUILT := $(VENV)/.built

# Without an NVIDIA driver the CPU build of torch is enough. Set TORCH_SPEC to choose another build:
#   make run TORCH_SPEC='torch==2.13.0+cpu'
HAS_GPU := $(shell nvidia-smi -L 2>/dev/null | grep -q GPU && echo yes)
TORCH_SPEC ?= $(if $(HAS_GPU),torch>=2.11,torch==2.13.0)
EXTRAS ?= $(if $(HAS_GPU),dev$(comma)cuda,dev)
comma := ,

# Tests run in parallel: one torch thread each is faster than all of them fighting over the cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: help venv run test test-gpu lint format clean

help:
	@echo 'make run        check the checkpoint that ships with the repository'
	@echo 'make test       lint, format check, types, and all tests that need no GPU'
	@echo 'make test-gpu   the tests that need an NVIDIA GPU'
	@echo 'make lint       lint, format check and types only'
	@echo 'make format     format the code'
	@echo 'make clean      remove .venv and everything that was built'

$(BUILT): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt '$(TORCH_SPEC)'
	$(BIN)/pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

venv: $(BUILT)

run: $(BUILT)
	$(BIN)/imp-graphcheck capture tests/checkpoints/qwen3-moe-tiny

test: lint
	$(PYTEST) -n auto -m 'not gpu'

test-gpu: $(if $(HAS_GPU),$(BUILT))
ifeq ($(HAS_GPU),yes)
	$(PYTEST) -m gpu
else
	@echo 'skipped: no NVIDIA GPU on this machine (nvidia-smi lists none)'
endif

lint: $(BUILT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(BUILT)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .graphcheck .hypothesis .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
