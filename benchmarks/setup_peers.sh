#!/bin/sh
# What `make bench` compares with, in an environment of its own: .venv-peers and the ngspice program.
set -eu
cd "$(dirname "$0")/.."
if ! command -v ngspice >/dev/null; then
    echo "spicebuf: installing the ngspice program (apt)"
    if [ "$(id -u)" -eq 0 ]; then sudo=; else sudo=sudo; fi
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ngspice >/dev/null
fi
stamp=.venv-peers/.installed
if ! [ "$stamp" -nt benchmarks/peers/requirements.txt ]; then
    echo "spicebuf: installing the peers into .venv-peers"
    .venv/bin/python -m venv .venv-peers
    .venv-peers/bin/python -m pip install -q --disable-pip-version-check -r benchmarks/peers/requirements.txt
    touch "$stamp"
fi
