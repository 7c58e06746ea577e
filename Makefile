.PHONY: help setup demo test wheel bench scale calibrate clean

help:
	@echo "make demo   set up everything and run the main job on examples/seed.toml"
	@echo "make test   set up everything, then lint, types, import contracts and all tests"
	@echo "make wheel  build the wheel and try it away from the checkout"
	@echo "make bench  compare speed with other programs (docs/bench.json)"
	@echo "make scale  memory, cost per curve and reading speed up to a million curves (docs/scale.json)"
	@echo "make calibrate  do the intervals cover? (docs/calibration.json, docs/exponents.json)"
	@echo "make clean  remove .venv and what tools left behind"

setup:
	@tools/setup.sh

demo: setup
	.venv/bin/spicebuf run examples/seed.toml

test:
	@tools/setup.sh dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -n auto

wheel:
	@tools/setup.sh dev
	tools/try_wheel.sh

bench:
	@tools/setup.sh dev
	@benchmarks/setup_peers.sh
	.venv/bin/python benchmarks/bench.py

scale:
	@tools/setup.sh dev
	.venv/bin/python benchmarks/scale.py

calibrate:
	@tools/setup.sh dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/calibrate.py
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/exponents.py

clean:
	rm -rf .venv .venv-peers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
