# Everything here sets up what it needs in .venv first (scripts/setup), and does nothing where nothing is missing.
.DEFAULT_GOAL := help
.PHONY: help search test battery check format viewer setup clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

search:  ## Grow a tree of agents offline, with a budget of 40 evaluations; ARGS="--seed 7" passes more flags
	@scripts/setup search
	@.venv/bin/hgm search --budget 40 --sandbox bubblewrap $(ARGS)

test:  ## Run every test that can run here, by four workers; ARGS="-k journal" passes more flags to pytest
	@scripts/setup test
	@.venv/bin/python -m pytest -n 4 --no-loadscope-reorder $(ARGS)

battery:  ## Let hostile and cheating agents loose on every sandbox of this machine; prints a table, fails if one gets out
	@scripts/setup test
	@.venv/bin/python -m tests.battery $(ARGS)

check:  ## Check format, lint and types
	@scripts/setup check
	@echo 'format and lint'
	@.venv/bin/ruff format --check --quiet . || { echo 'Not formatted as above: run "make format".'; exit 1; }
	@.venv/bin/ruff check .
	@echo 'types'
	@.venv/bin/mypy

format:  ## Format the code and mend what the linter can
	@scripts/setup check
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

viewer:  ## Build the tree viewer anew from viewer/; needs npm
	@cd viewer && npm ci --silent && npm run --silent check && npm test --silent && npm run --silent build

setup:  ## Set up .venv for running, testing and checking
	@scripts/setup test

clean:  ## Remove .venv, caches and build output; runs stay
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './runs/*' -prune -exec rm -rf {} +
