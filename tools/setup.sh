#!/bin/sh
# Everything that `make demo` and `make test` need: libngspice from the system's packages, and .venv with
# spicebuf in it. Safe to call again; does only what is missing. Usage: tools/setup.sh [dev]
set -eu
cd "$(dirname "$0")/.."

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "spicebuf: '$*' needs root; run it as root, then call make again" >&2
        exit 1
    fi
}

apt_install() {
    echo "spicebuf: installing $* (apt)"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "spicebuf: Python 3.11 or newer is needed; install it, or name it with PYTHON=..." >&2
    exit 1
}

has_libngspice() {
    "$python" -c '
import ctypes.util, os, sys
sys.exit(not (os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice")))'
}

install_libngspice() {
    if [ -n "${CONDA_PREFIX:-}" ] && command -v conda >/dev/null; then
        conda install -y -q -c conda-forge ngspice-lib
    elif command -v apt-get >/dev/null; then
        apt_install libngspice0
    elif command -v dnf >/dev/null; then
        as_root dnf install -y -q libngspice
    elif command -v brew >/dev/null; then
        brew install libngspice
    else
        echo "spicebuf: install libngspice with your system's package manager, then call make again" >&2
        exit 1
    fi
}

python=$(find_python)
has_libngspice || install_libngspice

if ! [ -x .venv/bin/python ]; then
    # Debian and Ubuntu ship venv's pip apart from Python.
    if ! "$python" -c 'import ensurepip' 2>/dev/null && command -v apt-get >/dev/null; then
        apt_install "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    fi
    echo "spicebuf: making .venv"
    "$python" -m venv .venv
fi

extras=${1:+[$1]}
stamp=.venv/.installed$extras
if ! [ "$stamp" -nt pyproject.toml ]; then
    echo "spicebuf: installing the package$extras into .venv"
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".$extras"
    touch "$stamp"
fi
