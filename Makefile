# Everything a user or CI runs. `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
INVENTORY ?= inventories/lab
ROLE ?=
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# A bytecode cache that is switched off would make every Ansible process compile anew.
unexport PYTHONDONTWRITEBYTECODE
STEP := scripts/step
ROLES := $(notdir $(wildcard roles/*))
STACK := molecule/default/inventory
DEBIAN12 := appserver certificates firewall haproxy nginx openssh

help: ## List the targets
	@grep --no-filename --extended-regexp '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed --regexp-extended 's/:[^#]*## /\t/' | expand --tabs=16

tools: ## Install the pinned tools into .venv
	@$(STEP) "Install the tools into .venv" scripts/tools

lab-hosts: tools ## Make the hosts of the lab and nothing more
	@$(STEP) "Make the hosts of $(INVENTORY): engine, image, containers" ansible-playbook playbooks/lab/up.yml -i $(INVENTORY)

lab: lab-hosts ## Make the lab: tools, engine, image, five hosts, the whole stack on them
	@$(STEP) "Turn them into the stack" ansible-playbook playbooks/site.yml -i $(INVENTORY)
	@ansible-playbook playbooks/lab/url.yml -i $(INVENTORY)

lab-down: tools ## Remove the lab's hosts and network
	@$(STEP) "Remove the hosts of $(INVENTORY)" ansible-playbook playbooks/lab/down.yml -i $(INVENTORY)

image: tools ## Build the lab's images, installing an engine where none answers
	@$(STEP) "Have a container engine" ansible-playbook playbooks/lab/engine.yml
	@$(STEP) "Build the images" ansible-playbook playbooks/lab/image.yml

lint: tools ## Check style: yamllint, ruff, ansible-lint, changelog
	@$(STEP) "yamllint" yamllint --strict .
	@$(STEP) "ruff" ruff check
	@$(STEP) "ruff format" ruff format --check
	@$(STEP) "ansible-lint, production profile" ansible-lint
	@$(STEP) "The changelog is well-formed" scripts/changelog
	@$(STEP) "The roles' lists of variables are up to date" python scripts/docs.py --check

types: tools ## Check types: strictly, with mypy
	@$(STEP) "Types" mypy

sanity: tools ## ansible-test sanity of the built collection, with nothing ignored
	@$(STEP) "Sanity tests of the built collection" python scripts/sanity.py

unit: tools ## Unit and property tests without any host, and the branches of plugins/ that they reach
	@$(STEP) "Unit and property tests" pytest tests/unit --cov --cov-report=term

templates: image ## Real templates, fed to the real parsers
	@$(STEP) "Templates, read by the real parsers" pytest tests/templates

stack: image ## The whole stack on five fresh hosts: converge, second run without a change, host checks, servers killed
	@$(STEP) "Remove what an earlier run left" molecule destroy -s default
	@$(STEP) "Make five hosts and converge the whole stack" molecule converge -s default
	@$(STEP) "Converge again: nothing may change" molecule idempotence -s default
	@$(STEP) --last "Check the hosts, and kill servers under load" pytest -v tests/hosts tests/drills/test_faults.py --hosts='ansible://all' --ansible-inventory=$(STACK)

# The order is from quick to slow, and pytest has the last word. The hosts are left for a look when something failed.
test: lint types sanity unit templates stack ## Everything that CI runs on every push
	@molecule destroy -s default >/dev/null 2>&1

# The drills are the last that needs the lab; its hosts are left for a look when one of them failed.
nightly: test molecule lab drills lab-down lanes ## Everything there is: make test, all scenarios, all drills, the lanes

lanes: lane-debian12 lane-ansible ## Other versions of what the collection stands on

lane-debian12: export LAB_RELEASE = bookworm
lane-debian12: tools ## The roles that can run there, on Debian 12
	@$(STEP) "Have a container engine" ansible-playbook playbooks/lab/engine.yml
	@$(STEP) "Build the image of Debian 12" ansible-playbook playbooks/lab/image.yml
	@for role in $(or $(ROLE),$(DEBIAN12)); do $(STEP) "molecule test -s $$role, Debian 12" molecule test -s $$role || exit 1; done

lane-ansible: image ## Unit tests, preflight and a dry run with other series of ansible-core
	@$(STEP) "Make five hosts and converge the whole stack" molecule converge -s default
	@$(STEP) "Other series of ansible-core" python scripts/lane_ansible.py $(STACK)
	@molecule destroy -s default >/dev/null 2>&1

molecule: image ## Every role's scenario, or one: make molecule ROLE=nginx
	@for role in $(or $(ROLE),$(ROLES)); do $(STEP) "molecule test -s $$role" molecule test -s $$role || exit 1; done

drills: tools ## Break the running lab in every way that is known, and see what a visitor notices
	@$(STEP) "Drills on $(INVENTORY)" pytest -v tests/drills --ansible-inventory=$(INVENTORY)

bench: tools ## Print measurements; nothing is asserted
	@for bench in tests/bench/bench_*.py; do $(STEP) "$$bench" python $$bench || exit 1; done

docs: tools ## Write the lists of variables of the roles' READMEs from their argument_specs
	@$(STEP) "Write the lists of variables" python scripts/docs.py

build: tools ## Build the collection's tarball into build/
	@$(STEP) "Build the collection" ansible-galaxy collection build --force --output-path build

.PHONY: $(shell sed --quiet --regexp-extended 's/^([a-z0-9-]+):.*/\1/p' $(MAKEFILE_LIST))
