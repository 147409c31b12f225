# Every target forwards to one module, so that everything works where make is missing: python3 scripts/dev.py TARGET
PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: run run-services test test-fast test-versions coverage coverage-versions check docs bench chaos security security-short help

run: ## set up, then start web and worker with embedded services (PORT overrides 8000)
run-services: ## set up, then start the production shape: PostgreSQL, Redis, S3 and KMS stand-ins, two workers
test: ## set up, then run all tests
test-fast: ## set up, then run tests for about a minute, without services and browsers
test-versions: ## set up, then run the tests that show differences between versions of Python
coverage: ## set up, then run all tests, print what they reach by part, and fail below a bar
coverage-versions: ## set up, then do so with the tests of test-versions alone
check: ## set up, then run the linters, the type checker, the layout rules and the license gate
docs: ## set up, then build the documentation site into build/site
bench: ## set up, then measure everything and print the tables
chaos: ## set up, then run the long survival tests, with progress and a report
security: ## set up, then run the long security tests with a report
security-short: ## set up, then run the short security tests
help: ## print this list

run run-services test test-fast test-versions coverage coverage-versions check docs bench chaos security security-short help:
	@$(PYTHON) scripts/dev.py $@

bench-%: ## set up, then measure one thing, such as bench-queue, and print the tables
	@$(PYTHON) scripts/dev.py bench $*
