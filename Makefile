# The commands of this project; the README explains them. Everything lives in .venv, nothing is installed elsewhere.
.PHONY: setup test chaos containers demo bench pictures client schema reference wheel check lock clean
PYTHON ?= python3
BIN := .venv/bin
# One more than there are cores: tests wait for databases, browsers and processes now and then.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Python keeps its bytecode here, whatever the environment says: the tests start it hundreds of times.
export PYTHONDONTWRITEBYTECODE =

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

# Everything that CI runs, on both databases; at the end stands how long each part took.
test: setup
	@begun=$$(date +%s); $(MAKE) --no-print-directory check && echo "check took $$(($$(date +%s) - begun)) s"
	$(BIN)/pytest tests --ignore tests/containers --numprocesses $(WORKERS) --dist worksteal

# The fault tests again and again, each time by other dice, for about an hour; CHAOS_SEED=... throws the same ones.
chaos: setup
	CHAOS_TIMES=$${CHAOS_TIMES:-25} CHAOS_SEED=$${CHAOS_SEED:-$$(date +%s)} $(BIN)/pytest tests/crash -rP --numprocesses auto --dist worksteal

# Builds the image and puts the compose file to work; it needs a Docker engine, and some two minutes.
containers: setup
	$(BIN)/pytest tests/containers

demo: setup
	$(BIN)/routines demo $(if $(ONCE),--once)

bench: setup
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

# Takes the pictures of the pages in the docs anew; it needs a Chromium, as the tests of pages do.
pictures: setup
	PYTHONPATH=tests $(BIN)/python docs/pictures

# Writes the Python client's models and calls anew from the OpenAPI document, after a call has changed.
client: setup
	PYTHONPATH=tools $(BIN)/python -m client_writer

# Writes the schema of files of routines anew from the models, after a field has changed.
schema: setup
	PYTHONPATH=tools $(BIN)/python -m file_schema > docs/routines.schema.json

# Writes docs/reference anew from the program.
reference: setup
	$(BIN)/python docs/reference

# What others install: a wheel and a source archive, in dist.
wheel: setup
	$(BIN)/python -m hatchling build -d dist -t sdist -t wheel

# Pins every package anew, for every platform, with hashes.
lock: setup
	$(BIN)/uv pip compile --quiet pyproject.toml --extra traces --group build --group check --group test --group bench --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
