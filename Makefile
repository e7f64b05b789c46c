# What a developer types. `make test` is what CI runs.

PYTHON ?= python3
BINARY ?= dist/lumi-box
BUILDER = .cache/binary-venv

.PHONY: binary check test

# One executable file that needs no Python: docs/decisions/0012-binary.md. Needs a C compiler, zlib's static library
# and strip: on Debian the packages gcc, zlib1g-dev, libc6-dev and binutils.
binary:
	[ -x $(BUILDER)/bin/python ] || $(PYTHON) -m venv $(BUILDER)
	$(BUILDER)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade '.[binary]'
	$(BUILDER)/bin/python packaging/build.py $(BINARY)

check:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test:
	sh tests/run.sh
