# One word runs all: format, lint, types, import layers, JavaScript, tests.
.PHONY: check fix test tour
check:
	python3 dev.py test
fix:
	.venv/bin/ruff check --fix . ; .venv/bin/ruff format .
	[ ! -d node_modules ] || npm run --silent fix
test:
	.venv/bin/python -m pytest
tour:
	python3 dev.py tour
