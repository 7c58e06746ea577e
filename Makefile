.PHONY: help setup demo test lint wheel clean

help:
	@echo "make demo   set up everything and run the main job on examples/seed.toml"
	@echo "make test   set up everything, then lint, types, import contracts and all tests"
	@echo "make wheel  build the wheel and try it away from the checkout"
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

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
