# Python 3.11 (or 3.12, 3.13) and make are all that a machine needs; the rest is set up in .venv, once.

PYTHON ?= $(or $(shell command -v python3.11 2>/dev/null),python3)
READY := .venv/.ready
SOURCES := distil framework launch tracking tests

.PHONY: help quickstart test test-lowest check docs bench clean

help:
	@echo "make quickstart   run recipes/quickstart.yaml: teacher, student without and with distillation"
	@echo "make test         run the tests"
	@echo "make test-lowest  run framework's tests with the lowest versions of its libraries, in .venv-lowest"
	@echo "make check        lint, formatting and types"
	@echo "make docs         build the documents as a site in build/site, with every link checked"
	@echo "make bench        run the benchmarks of tests/benchmarks"
	@echo "make clean        remove .venv, .venv-lowest and caches; runs are kept"

quickstart: $(READY)
	.venv/bin/distil run recipes/quickstart.yaml

# The tests' models are too small to share out, and threads that wait for a busy core slow them down: processes of one
# thread each, three of them, as they often wait for Ray. A file's tests stay together, since they share what they set up.
PYTEST := bin/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder
test test-lowest: export OMP_NUM_THREADS ?= 1
test test-lowest: export PYTHONDONTWRITEBYTECODE =# what a process has compiled, others need not
test: $(READY)
	.venv/$(PYTEST)

test-lowest: .venv-lowest/.ready
	.venv-lowest/$(PYTEST) tests/framework

check: $(READY)
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/ruff format --check $(SOURCES)
	.venv/bin/mypy
	.venv/bin/python tests/any_count.py

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet
	@echo "build/site/index.html; with its search: .venv/bin/python -m http.server 8008 --bind 127.0.0.1 --directory build/site"

.venv/.docs: $(READY)
	@.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

# make bench FILE=questions.json also measures a run on that SQuAD file.
bench: $(READY)
	.venv/bin/python tests/benchmarks/quickstart_seeds.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/step_cost.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/text_step.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/asking.py
	.venv/bin/python tests/benchmarks/padding.py $(FILE)
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/generators.py
	.venv/bin/python tests/benchmarks/workers.py
	.venv/bin/python tests/benchmarks/workers.py --distilbert
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/compiling.py
	.venv/bin/python tests/benchmarks/together.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/streaming.py
	.venv/bin/python tests/benchmarks/search_overhead.py
	.venv/bin/python tests/benchmarks/schedulers.py
	.venv/bin/python tests/benchmarks/faults.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/interval_coverage.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/interval_kinds.py
	.venv/bin/python tests/benchmarks/ensembles.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/text_students.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/further.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/export_speed.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/families.py
	$(if $(FILE),.venv/bin/python tests/benchmarks/real_input.py $(FILE))
	$(if $(FILE),.venv/bin/python tests/benchmarks/real_tokenizers.py $(FILE))
	$(if $(FILE),OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/real_export.py $(FILE))

clean:
	rm -rf .venv .venv-lowest build .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

.venv/.ready: constraints.txt
.venv-lowest/.ready: constraints-lowest.txt
.venv/.ready .venv-lowest/.ready: %/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "distil needs Python 3.11 to 3.13, and $(PYTHON) is not that; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up $*, which takes a few minutes the first time"
	@$(PYTHON) -m venv $*
	@$*/bin/python -m pip install -q --disable-pip-version-check -c $(filter constraints%,$^) \
		"$$(grep '^torch==' $(filter constraints%,$^))" -e '.[dev]'
	@touch $@
