# make install   a virtual environment in .venv with everything
# make demo      the comparison: DAgger, SFT and GRPO on real repair tasks, at most 10 minutes
#                (again: goes on where it stopped; FRESH=1: starts over; ARGS='...': more options)
# make test      the tests; those that need Docker run where an engine answers
# make check     formatting, lint, types, import rules

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := compare --name demo $(if $(FRESH),--fresh) $(ARGS)

.PHONY: install demo test check clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==$(shell sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	touch $(STAMP)

demo: install
	$(BIN)/python -m baselines $(DEMO)

test: install
	$(BIN)/python -m pytest -n auto --dist worksteal --durations 20

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv build *.egg-info
