# One command for each thing one does here; `make` alone lists them. All state lives in this folder (.venv, .venvs, layers/build).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Parallel test processes.
TEST_JOBS ?= 2

# uv trusts the machine's certificates, so that it works behind a proxy that has its own.
export UV_SYSTEM_CERTS = 1
export UV_PYTHON_DOWNLOADS = never
export UV_NO_PROGRESS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Importing aws-cdk-lib takes eight times longer without its .pyc files.
unexport PYTHONDONTWRITEBYTECODE

DEPLOY_PLATFORM := aarch64-manylinux_2_28
DEPLOY_PYTHON := 3.13
LAYERS := runtime numeric duckdb plots

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"
SYNC := pip sync --quiet --require-hashes

.PHONY: help setup layers synth dist test-dist lint format test demo bench lock clean

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Environments -------------------------------------------------------------------------------------------------------

setup: $(VENV)/.stamp .venvs/xgboost/.stamp .venvs/scikit-learn/.stamp ## create .venv and the local training environments

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Gridwatch needs Python 3.11 or later, $(PYTHON) is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)

# The three distributions; each folder has its pyproject.toml.
PROJECTS := pyproject.toml rules/pyproject.toml hook/pyproject.toml

# What an interrupted installation leaves looks installed to uv; after one, everything is installed anew.
# The projects are installed editable and without dependencies; `uv pip sync` removes them, and uv itself stays because it is in the lock.
$(VENV)/.stamp: requirements/dev.txt $(PROJECTS) | $(UV)
	reinstall=$$([ ! -e $(VENV)/.unfinished ] || echo --reinstall); touch $(VENV)/.unfinished; \
		$(UV) $(SYNC) $$reinstall --python $(BIN)/python requirements/dev.txt; rm $(VENV)/.unfinished
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable rules --editable hook
	$(BIN)/python -m compileall -q -j 2 $(VENV)/lib/python*/site-packages/aws_cdk $(VENV)/lib/python*/site-packages/jsii
	@touch $@

.venvs/xgboost/.stamp .venvs/scikit-learn/.stamp: .venvs/%/.stamp: requirements/training-%.txt | $(VENV)/.stamp
	$(BIN)/python -m venv --without-pip --clear .venvs/$*
	$(UV) $(SYNC) --compile-bytecode --python .venvs/$*/bin/python requirements/training-$*.txt
	@touch $@

# PyTorch is large, so it is not in `make setup`; the tests of the hooks for PyTorch and Keras share this environment.
.PHONY: frameworks
frameworks: setup .venvs/frameworks.stamp ## PyTorch (CPU) for training jobs in the local cloud

## Build --------------------------------------------------------------------------------------------------------------

layers: $(foreach p,host $(DEPLOY_PLATFORM),$(LAYERS:%=layers/build/$p/%/layer-build.json)) $(VENV)/.stamp ## build the dependency layers, for this machine and for Lambda
	@$(BIN)/python -m scripts.training_source

layers/build/host/%/layer-build.json: layers/%/requirements.txt scripts/build_layer.py | $(VENV)/.stamp
	$(BIN)/python -m scripts.build_layer --layer $* --platform host

layers/build/$(DEPLOY_PLATFORM)/%/layer-build.json: layers/%/requirements.txt scripts/build_layer.py | $(VENV)/.stamp
	$(BIN)/python -m scripts.build_layer --layer $* --platform $(DEPLOY_PLATFORM) --python $(DEPLOY_PYTHON)

synth: layers ## write the CloudFormation template and its assets to cdk.out (no credentials, network or Docker)
	CDK_VALIDATION=$${CDK_VALIDATION-false} CDK_OUTDIR=cdk.out $(BIN)/python -m infra.app

dist: setup ## build the three distributions (wheels in dist/): gridwatch, gridwatch-rules, gridwatch-hook
	rm -rf dist
	for project in . rules hook; do $(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist $$project; done

test-dist: dist ## install each wheel in an empty environment and use it there (needs the package registry)
	$(BIN)/python -m pytest -q -rs tests/dist

## Checks -------------------------------------------------------------------------------------------------------------

# Suites that need environments of their own or a browser have targets of their own, and so has what takes hours.
APART := browser dist frameworks image interop oracles permissions sdk

lint: setup synth ## ruff, mypy, cfn-lint, and whether the suites that stand apart can still be read
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint cdk.out/*.template.json
	$(BIN)/python -m pytest -qqq --collect-only $(APART:%=tests/%)

format: setup ## let ruff rewrite the code
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

test: setup layers ## set everything up and run the tests
	$(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist worksteal tests $(APART:%=--ignore=tests/%)

.PHONY: test-coverage

test-coverage: setup layers ## the branches that unit, contract and template tests reach, against the floor in pyproject.toml
	$(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist worksteal tests/unit tests/contract tests/template --cov

.PHONY: ci

ci: setup ## every suite, each with its count (SUITES="test-interop test-browser": only those)
	$(BIN)/python -m scripts.ci $(SUITES)

# What a machine cannot hold is skipped with its reason.

.PHONY: test-image test-interop test-frameworks test-oracles test-sagemaker test-browser

.venvs/%.stamp: requirements/%.txt scripts/peer_environment.py scripts/find_python.py | $(VENV)/.stamp
	$(BIN)/python -m scripts.peer_environment $*
	@[ -e .venvs/$*.skipped ] || touch $@

test-image: setup .venvs/image-xgboost-3.2-0.stamp ## train as AWS's XGBoost 3.2-0 image does (Python 3.12), tensors to the local S3
	$(BIN)/python -m pytest -q -rs tests/image

test-interop: setup .venvs/interop.stamp .venvs/sagemaker.stamp ## what smdebug and TensorBoard read of ours, we of smdebug's, and the SDK's analytics
	$(BIN)/python -m pytest -q -rs tests/interop

test-frameworks: setup .venvs/frameworks.stamp ## the hooks for PyTorch and Keras in trainings of their own, and PyTorch in the local cloud
	$(BIN)/python -m pytest -q -rs -n $(TEST_JOBS) --dist worksteal tests/frameworks

test-sagemaker: setup .venvs/sagemaker.stamp ## requests and image addresses against the SageMaker SDK's
	$(BIN)/python -m pytest -q -rs -n $(TEST_JOBS) --dist worksteal tests/sdk

test-oracles: setup .venvs/oracles.stamp ## the rules across trials against Optuna's and Syne Tune's
	$(BIN)/python -m pytest -q -rs tests/oracles

.PHONY: test-pythons

test-pythons: setup ## set-up, unit tests and demo on every other Python 3.11 to 3.13 of this machine, some minutes each
	$(BIN)/python -m scripts.other_pythons

.PHONY: test-aws test-chaos chaos-nightly chaos-one

SIMULATION = PYTHONPATH=functions:rules:hook:. $(BIN)/python -m tests.simulation

# The deployment must allow custom rules (-c custom_rule_sources=code/). It costs some dollars of small instances.
test-aws: setup ## the stories on a deployment that is there, with the shell's credentials (STACK=gridwatch)
	GRIDWATCH_TEST_STACK="$(or $(STACK),gridwatch)" GRIDWATCH_TEST_PATIENCE="$(or $(PATIENCE),20)" $(BIN)/python -m pytest -q -rs tests/story

test-chaos: setup layers ## the embedded stack while everything goes wrong, minutes a seed (SEEDS="1 2 3")
	GRIDWATCH_CHAOS_SEEDS="$(or $(SEEDS),1 2 3)" $(BIN)/python -m pytest -q -rs tests/chaos

chaos-nightly: setup layers ## in simulated time: SCENARIOS=500 at random from seed FROM=0, and every call failing alone
	$(SIMULATION) nightly --scenarios $(or $(SCENARIOS),500) --from $(or $(FROM),0) --processes $(TEST_JOBS)

chaos-one: setup layers ## one scenario of the simulation again (SCENARIO="random 17"), with all that happened
	$(SIMULATION) $(SCENARIO)

.PHONY: fuzz

fuzz: setup layers ## 12,000 hostile inputs, specs and whatever else comes from outside (SEED=1 INPUTS=12000)
	PYTHONPATH=functions $(BIN)/python -W ignore -m tests.fuzz --inputs $(or $(INPUTS),12000) --seed $(or $(SEED),1)

.PHONY: test-permissions test-permissions-sample

test-permissions-sample: setup layers ## the same for a few recorded permissions (PERMISSIONS=seed:count)
	GRIDWATCH_PERMISSIONS="$(or $(PERMISSIONS),1:2)" $(BIN)/python -m pytest -q -rs tests/permissions

# Every story under the strict profile, which permissions it needs, and then the same without one of them at a time.
test-permissions: setup layers ## a story fails without each permission that it needs (PERMISSIONS=all, or seed:count)
	rm -rf .gridwatch/permissions; mkdir -p .gridwatch/permissions
	GRIDWATCH_PERMISSIONS_USED=$(CURDIR)/.gridwatch/permissions $(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist worksteal tests/story
	$(BIN)/python -m scripts.permissions_used .gridwatch/permissions
	$(BIN)/python -m pytest -q tests/template/test_permission_table.py
	GRIDWATCH_PERMISSIONS="$(or $(PERMISSIONS),1:20)" $(BIN)/python -m pytest -q -rs -n $(TEST_JOBS) tests/permissions

test-browser: setup ## the reports in a real browser (Chromium); pictures in light and dark in .gridwatch/screenshots
	$(BIN)/python -m pytest -q -rs tests/browser

## Use ----------------------------------------------------------------------------------------------------------------

.PHONY: audit sbom

# Strict: a package of which the database knows nothing is a failure, not a pass.
audit: .venvs/audit/.stamp ## ask the advisory databases about every pinned package (needs PyPI's JSON API and npm's)
	failed=0; for lock in requirements/*.txt layers/*/requirements.txt; do echo "$$lock"; \
		.venvs/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement $$lock || failed=1; done; \
		npm audit --package-lock-only || failed=1; exit $$failed

.venvs/audit/.stamp: requirements/audit.txt | $(VENV)/.stamp
	$(BIN)/python -m venv --without-pip --clear .venvs/audit
	$(UV) $(SYNC) --python .venvs/audit/bin/python requirements/audit.txt
	@touch $@

sbom: setup ## the software bill of materials (CycloneDX), .gridwatch/sbom.cdx.json, and the licences of what is deployed
	$(BIN)/python -m scripts.sbom --licences .gridwatch/sbom.cdx.json

demo: setup layers ## the whole loop on this machine: launch, watch, stop, report
	@$(BIN)/gridwatch demo

bench: setup layers .venvs/interop.stamp .venvs/sagemaker.stamp ## run every benchmark, with the environments of its peers
	@$(BIN)/python -m benchmarks

## Upkeep -------------------------------------------------------------------------------------------------------------

lock: | $(UV) ## resolve every requirements file (UPGRADE=--upgrade takes newer versions)
	$(COMPILE) $(UPGRADE) requirements/dev.in -o requirements/dev.txt
	for framework in xgboost scikit-learn; do $(COMPILE) $(UPGRADE) requirements/training-$$framework.in -c requirements/dev.txt -o requirements/training-$$framework.txt; done
	for layer in $(LAYERS); do $(COMPILE) $(UPGRADE) layers/$$layer/requirements.in -c requirements/dev.txt -o layers/$$layer/requirements.txt; done
	$(subst 3.11,3.12,$(COMPILE)) $(UPGRADE) --overrides requirements/image-xgboost-3.2-0.overrides requirements/image-xgboost-3.2-0.in -o requirements/image-xgboost-3.2-0.txt
	$(COMPILE) $(UPGRADE) --overrides requirements/interop.overrides requirements/interop.in -o requirements/interop.txt
	$(COMPILE) $(UPGRADE) requirements/sagemaker.in -o requirements/sagemaker.txt
	$(COMPILE) $(UPGRADE) --overrides requirements/frameworks.overrides requirements/frameworks.in -c requirements/dev.txt -o requirements/frameworks.txt
	$(COMPILE) $(UPGRADE) requirements/oracles.in -o requirements/oracles.txt
	$(COMPILE) $(UPGRADE) requirements/audit.in -o requirements/audit.txt

clean: ## remove everything that make has made
	rm -rf $(VENV) .venvs layers/build cdk.out dist node_modules .pytest_cache .mypy_cache .ruff_cache
