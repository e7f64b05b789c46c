#!/bin/sh
# Installs what the tests need, Debian packages included, into .venv beside the sources, and runs them all.
set -eu
cd "$(dirname "$0")/.."

mariadb_server() {
    PATH="$PATH:/usr/sbin" command -v mariadbd || true
}

# Sets LUMI_TEST_MYSQL_URL, unless the caller has: to a server on this machine whose root needs no password, or else
# to one of our own, on a free port, that ends with this script.
start_mariadb() {
    [ -z "${LUMI_TEST_MYSQL_URL:-}" ] || return 0
    export LUMI_TEST_MYSQL_URL="mysql://root@127.0.0.1:3306"
    ! mariadb_answers || return 0
    unset LUMI_TEST_MYSQL_URL
    [ -n "$(mariadb_server)" ] || { echo "no MariaDB: the tests on it are skipped"; return 0; }
    data="$PWD/.cache/mariadb"
    socket="$(mktemp -d)/socket"  # its path must be short
    port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    if [ ! -d "$data/mysql" ]; then
        mkdir -p "$data"
        mariadb-install-db --no-defaults --datadir="$data" --user="$(id -un)" --skip-test-db \
            --auth-root-authentication-method=normal >/dev/null
    fi
    "$(mariadb_server)" --no-defaults --datadir="$data" --user="$(id -un)" --socket="$socket" --port="$port" \
        --bind-address=127.0.0.1 --pid-file="$socket.pid" --innodb-flush-log-at-trx-commit=0 >"$data/log" 2>&1 &
    mariadb=$!
    trap 'kill "$mariadb"; wait "$mariadb" || true; rm -r "$(dirname "$socket")"' EXIT
    export LUMI_TEST_MYSQL_URL="mysql://root@127.0.0.1:$port"
    for _ in $(seq 100); do
        ! mariadb_answers || return 0
        sleep 0.2
    done
    echo "MariaDB did not start:"; tail "$data/log"; exit 1
}

mariadb_answers() {
    PYTHONPATH=tests .venv/bin/python -c 'import mariadb, sys; sys.exit(bool(mariadb.fault()))'
}

install_debian_packages() {
    wanted=""
    command -v chromium >/dev/null || wanted="$wanted chromium"
    command -v prusa-slicer >/dev/null || wanted="$wanted prusa-slicer"
    command -v fc-list >/dev/null && fc-list :lang=zh | grep -q . || wanted="$wanted fontconfig fonts-noto-cjk"
    [ -n "${LUMI_TEST_MYSQL_URL:-}" ] || [ -n "$(mariadb_server)" ] || wanted="$wanted mariadb-server"
    command -v systemd-analyze >/dev/null || wanted="$wanted systemd"
    PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || wanted="$wanted nginx-light"
    command -v caddy >/dev/null || wanted="$wanted caddy"
    command -v openssl >/dev/null || wanted="$wanted openssl"
    for tool in make gcc; do command -v "$tool" >/dev/null || wanted="$wanted $tool"; done
    command -v strip >/dev/null || wanted="$wanted binutils"
    [ -e /usr/include/zlib.h ] || wanted="$wanted libc6-dev zlib1g-dev"  # for the single binary
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

start_mariadb

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/python -m pytest --numprocesses=auto -m "not slow and not service and not process and not browser" "$@"
.venv/bin/python -m pytest --numprocesses=auto -m "(slow or service) and not process and not browser" "$@"
# These wait more than they compute, and some of them long: whoever has nothing left to do takes over from others.
.venv/bin/python -m pytest --numprocesses="$(($(nproc) + 1))" --dist=worksteal -m "process or browser" "$@"
