# Everything a fresh Debian-like machine needs is installed by the targets themselves.
SHELL := /bin/sh
VENV := .venv
# A Python that the distribution installs: version managers earlier on PATH may hold interpreters without venv. Looked for when it is
# used, since a fresh machine has none before "system".
PYTHON = $(shell test -x /usr/bin/python3 && echo /usr/bin/python3 || command -v python3)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.ansible/collections
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo demo-stop test bench cores lint venv system double-packages clean

demo: venv double-packages
	tests/tools/demo start

# Without the virtual environment no demo was ever started.
demo-stop:
	test ! -e $(VENV)/.installed || tests/tools/demo stop

test: venv double-packages
	tests/run all

# What runs and databases cost, into docs/performance.md; BENCH takes options.
bench: venv double-packages
	tests/tools/apart $(CURDIR)/.cache/bench $(VENV)/bin/python tests/bench/bench.py $(BENCH); code=$$?; rm -rf .cache/bench; exit $$code

# With other releases of ansible-core: CORES="2.19.1 newest" names those of PyPI.
cores: venv double-packages
	tests/tools/cores $(CORES)

lint: venv
	tests/run lint

venv: system $(VENV)/.installed .ansible/collections/ansible_collections/potluck/matrix

system:
	tests/tools/system-packages

$(VENV)/.installed: tests/requirements.txt
	test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement tests/requirements.txt
	touch $@

# Ansible only finds a collection below ansible_collections/NAMESPACE/NAME; the checkout may lie anywhere.
.ansible/collections/ansible_collections/potluck/matrix:
	mkdir -p $(@D)
	ln -sfn ../../../.. $@

double-packages: venv
	tests/double/prepare

clean: demo-stop
	rm -rf $(VENV) .ansible .cache .demo
