# `make book` and `make test` need Python and nothing else; `make` alone lists every target.
# Written for a POSIX sh and for GNU make 3.81 (macOS) or newer.

EXTRAS := book,lab,test,hub,grading,bench,tasks
# The minor versions of Python 3 for which constraints.txt has been seen to resolve.
OLDEST := 11
NEWEST := 14
PY := .venv/bin/python
STAMP := .venv/installed
PORT := 8000
NB := $(wildcard notebooks/*.ipynb notebooks/exercises/*.ipynb)
# From the command line only: desktops often export a LANGUAGE of their own (for gettext).
LOCALE := $(if $(filter command,$(origin LANGUAGE)),$(LANGUAGE),en)
HTML := _build/html$(if $(filter-out en,$(LOCALE)),-$(LOCALE))
BUILD := $(PY) book/build.py --language $(LOCALE)
SOURCES := $(shell find _config.yml _toc.yml book notebooks llm_nb -type f ! -name '*.mo' \
    ! -path '*/__pycache__/*' ! -path '*/.ipynb_checkpoints/*' 2>/dev/null)
NBVAL := -p no:python --nbval-lax --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 300

# The stamp is written last and holds this folder's path. An environment without it was never
# finished, and one with another path was moved or copied: either is made afresh.
ifneq ($(shell $(PY) -c "" 2>/dev/null && cat $(STAMP) 2>/dev/null),$(CURDIR))
FRESH := afresh
endif

.PHONY: help env book serve test lab notebooks lint format bench links lock clean afresh

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

env: $(STAMP) ## make .venv and install into it, once

book: $(STAMP) ## build the book and print the page to open (LANGUAGE=zh_CN: in Chinese)
	@$(BUILD) && touch $(HTML)/.built

serve: $(HTML)/.built ## serve the book on http://127.0.0.1:8000 (PORT=…)
	$(PY) -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

test: $(HTML)/.built ## the whole test suite: package, built pages, then every notebook
	$(PY) -m pytest -n 2 --dist loadfile tests
	LLM_NB_QUIET=1 LLM_NB_STORED=1 LLM_NB_STRICT=1 $(PY) -m pytest $(NBVAL) notebooks

lab: $(STAMP) ## open the notebooks in JupyterLab
	$(PY) -m jupyterlab --notebook-dir notebooks

notebooks: $(STAMP) ## run the notebooks and store their outputs (NB=notebooks/11_gpt2.ipynb: one)
	LLM_NB_QUIET=1 LLM_NB_STORED=1 HF_HUB_DISABLE_PROGRESS_BARS=1 $(PY) -m nbconvert --to notebook --execute --inplace --ExecutePreprocessor.timeout=1200 \
	    --ExecutePreprocessor.record_timing=False $(NB)

lint: $(STAMP) ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy llm_nb

format: $(STAMP) ## let ruff format code and notebooks
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(STAMP) ## this package and its peers, side by side, into benchmarks/RESULTS.md
	$(PY) benchmarks/run.py

links: $(HTML)/.built ## list where the book leads (book/links.py --check: ask each address)
	@$(PY) book/links.py

lock: $(STAMP) ## write the versions that .venv holds into constraints.txt
	@$(PY) -m pip freeze --disable-pip-version-check --exclude-editable >.venv/freeze
	@{ sed -n '/^#/p' constraints.txt; { sed -n '/^[^#].*;/p' constraints.txt; \
	    sed -e 's/+[a-z0-9.]*$$//' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton=/d' .venv/freeze; \
	    } | LC_ALL=C sort -f; } >.venv/lock
	@mv .venv/lock constraints.txt

clean: ## remove what was built, not the environment
	rm -rf _build conf.py .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(HTML)/.built: $(STAMP) $(SOURCES)
	@$(BUILD) && touch $@

# Without compiling: more than a minute spent on modules most of which are never imported.
# A failed update leaves the old stamp, hence the environment, as they were; a killed one does not.
$(STAMP): pyproject.toml constraints.txt $(FRESH)
	@set -e; fail() { echo "$$1" >&2; exit 1; }; again="make $(or $(MAKECMDGOALS),book)"; \
	if [ -n "$(FRESH)" ]; then \
	    set -- python3 python3.14 python3.13 python3.12 python3.11 python; \
	    if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; fi; \
	    python=; seen=; \
	    for name in "$$@"; do \
	        if version=$$("$$name" -c 'import sys; v = sys.version_info[:2]; print("%d.%d" % v); \
	            sys.exit(not (3, $(OLDEST)) <= v <= (3, $(NEWEST)))' 2>/dev/null); \
	        then python=$$name; break; fi; \
	        if [ -n "$$version" ] && [ -z "$$seen" ]; then seen="$$name is Python $$version"; fi; \
	    done; \
	    needs="Python 3.$(OLDEST) to 3.$(NEWEST)"; \
	    if [ -z "$$python$$seen" ]; then \
	        fail "No Python found as $$*: install $$needs (python.org), then call '$$again' again."; fi; \
	    if [ -z "$$python" ]; then \
	        fail "$$seen, but the book needs $$needs: install one and call '$$again PYTHON=python3.12'."; fi; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || \
	        fail "$$python ($$version) cannot make environments: on Debian or Ubuntu run 'sudo apt install python$$version-venv', then call '$$again' again."; \
	    echo "Making .venv with Python $$version: 2 to 10 minutes, 2.4 GB (more with torch's CUDA build)."; \
	    "$$python" -m venv --clear .venv; \
	else \
	    echo "pyproject.toml or constraints.txt is newer than .venv: updating it."; \
	    mv $(STAMP) $(STAMP).old; \
	fi; \
	$(PY) -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]" || { \
	    if [ -f $(STAMP).old ]; then mv $(STAMP).old $(STAMP); fi; \
	    fail "pip could not install the environment (see above): mend that, or the network, and call '$$again' again."; }; \
	rm -f $(STAMP).old; printf '%s\n' "$(CURDIR)" >$(STAMP)
