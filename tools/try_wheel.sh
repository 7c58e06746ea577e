#!/bin/sh
# Build the wheel, unpack it away from the checkout, and let it check an example.
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
"$python" -m build --wheel --outdir "$target" . >/dev/null
"$python" -m pip install -q --disable-pip-version-check --no-deps --target "$target/site" "$target"/*.whl
cp examples/inverters.toml "$target"
cd "$target"
# The folder comes before the editable install on the path, so this is the wheel's code and templates.
PYTHONPATH=$target/site "$python" -c '
import pathlib, spicebuf, spicebuf.netlist
site = pathlib.Path("site").resolve()
assert pathlib.Path(spicebuf.__file__).is_relative_to(site)
assert spicebuf.netlist.bundled_folder().is_relative_to(site)'
PYTHONPATH=$target/site "$python" -m spicebuf_cli netlists
PYTHONPATH=$target/site "$python" -m spicebuf_cli check inverters.toml
