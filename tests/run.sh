#!/bin/sh
# Installs what the tests need, Debian packages included, into .venv beside the sources, and runs them all.
set -eu
cd "$(dirname "$0")/.."

install_debian_packages() {
    wanted=""
    command -v chromium >/dev/null || wanted="$wanted chromium"
    command -v prusa-slicer >/dev/null || wanted="$wanted prusa-slicer"
    command -v fc-list >/dev/null && fc-list :lang=zh | grep -q . || wanted="$wanted fontconfig fonts-noto-cjk"
    [ -n "$wanted" ] || return 0
    command -v apt-get >/dev/null || { echo "not a Debian system: install$wanted yourself, or those tests are skipped"; return 0; }
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo"
    echo "installing$wanted"
    $as_root apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $wanted >/dev/null
}

install_debian_packages
[ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/python -m pytest --numprocesses=auto -m "not process and not browser" "$@"
.venv/bin/python -m pytest --numprocesses=auto -m "process or browser" "$@"
