# The commands of this project; the README explains them. Everything lives in .venv, nothing is installed elsewhere.
.PHONY: setup test demo bench check lock clean
PYTHON ?= python3
BIN := .venv/bin

setup: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Routines needs Python 3.11 or newer, and this is %s" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# Style, types and the arrows between packages: what a reviewer should never have to say.
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Everything that CI runs: fast tests first.
test: check
	$(BIN)/pytest tests --numprocesses auto --dist loadfile

demo: setup
	$(BIN)/routines demo $(if $(ONCE),--once)

bench: setup
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

# Pins every package anew, for every platform, with hashes.
lock:
	uv pip compile --quiet pyproject.toml --group build --group check --group test --group bench --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
