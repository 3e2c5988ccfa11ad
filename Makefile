# Every target builds .venv by itself when it is missing or older than pyproject.toml or the lock.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
OUT ?= out/flights

.PHONY: help demo test test-slow lint format types bench dashboard settings wheel smoke lock clean

help:  ## show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tabkit needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[cltv,dashboards,dev,examples,neural,uplift]'
	@$(BIN)/python -c 'import lightgbm' 2>/dev/null || \
	  { echo "LightGBM does not load; it needs the OpenMP runtime: apt-get install libgomp1, or brew install libomp"; exit 2; }
	@touch $@

demo: $(READY)  ## train, score and inspect on real flights, and print where to look
	$(BIN)/python examples/flights.py $(OUT)

# Two workers on two cores: threads that a library started beyond that would wait for each other. Those that are asked
# for all the same sleep while they wait; where they spin on cores that others use, LightGBM with two threads took many times the processor time.
test test-slow: export OMP_NUM_THREADS = 1
test test-slow: export OMP_WAIT_POLICY = PASSIVE
test test-slow: export OPENBLAS_NUM_THREADS = 1
test test-slow: export POLARS_MAX_THREADS = 2

# Each worker goes through half of the files in turn, so that what tests of one file share is made once.
test: $(READY)  ## run the tests that take no more than seconds each
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

# The longest first (tests/conftest.py): a long one that begins last would be waited for alone.
test-slow: $(READY)  ## run the slow tests: calibration by simulation, walks through real years, whole commands
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m slow

lint: $(READY)  ## check style, layers and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(READY)  ## rewrite the sources in the one style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY)  ## check types, strictly
	$(BIN)/mypy

bench: $(READY)  ## measure the claims that the README makes, as ratios
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[bench]'
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

dashboard: $(OUT)/report.html  ## build the report of the demo, if it is missing, and say where it is
	@echo "Open $(OUT)/report.html in a browser"

$(OUT)/report.html:
	$(MAKE) demo

settings: $(READY)  ## write the tables of settings in the README anew, from the settings classes
	$(BIN)/python -m pipelines.cli.listing

wheel: $(READY)  ## build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist . >/dev/null
	@ls dist

smoke: wheel  ## install the wheel alone in a clean environment and use it from outside the tree
	bash .ci/smoke dist/*.whl

lock: pyproject.toml  ## write requirements.lock anew: exact versions, no index addresses
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/pip install --quiet uv
	echo 'torch==2.13.0' > .venv-lock/pins.txt
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --upgrade --all-extras \
	  --no-header --no-annotate --no-emit-index-url -c .venv-lock/pins.txt -o .venv-lock/all.txt pyproject.toml
	grep -vE '^(nvidia-|triton)' .venv-lock/all.txt > requirements.lock
	rm -rf .venv-lock

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) .venv-lock dist build out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
