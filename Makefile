# Everything a user or CI runs. `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
INVENTORY ?= inventories/lab
ROLE ?=
# Where `make graph` draws to.
GRAPH ?= build/graph/$(basename $(notdir $(patsubst %/,%,$(INVENTORY)))).svg
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# A bytecode cache that is switched off would make every Ansible process compile anew.
unexport PYTHONDONTWRITEBYTECODE
# Steps and times; what a logged step prints is in build/log, and all of it on the screen with VERBOSE=1.
STEP := scripts/step
LOG := $(STEP) --log
SCREEN := build/lab.txt
ROLES := $(notdir $(wildcard roles/*))
STACK := molecule/default/inventory
INVENTORIES := $(filter-out applications ha,$(notdir $(patsubst %/,%,$(wildcard tests/inventories/*/))))
EXAMPLES := $(notdir $(patsubst %/,%,$(wildcard docs/examples/*/)))
DEBIAN12 := appserver certificates firewall haproxy nginx openssh

help: ## List the targets
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tools: ## Install the pinned tools into .venv
	@$(LOG) "Install the tools into .venv" scripts/tools

lab-hosts: tools ## Make the hosts of the lab and nothing more
	@$(LOG) "Make the hosts of $(INVENTORY): engine, image, containers" ansible-playbook playbooks/lab/up.yml -i $(INVENTORY)

lab: lab-hosts ## Make the lab: tools, engine, image, five hosts, the whole stack on them
	@$(LOG) "Turn them into the stack" ansible-playbook playbooks/site.yml -i $(INVENTORY)
	@$(LOG) "Ask for the page" ansible-playbook playbooks/lab/url.yml -i $(INVENTORY) -e lab_screen=$(CURDIR)/$(SCREEN)
	@cat $(SCREEN)

lab-down: tools ## Remove the lab's hosts and network
	@$(LOG) "Remove the hosts of $(INVENTORY)" ansible-playbook playbooks/lab/down.yml -i $(INVENTORY)

image: tools ## Build the lab's images, installing an engine where none answers
	@$(LOG) "Have a container engine" ansible-playbook playbooks/lab/engine.yml
	@$(LOG) "Build the images" ansible-playbook playbooks/lab/image.yml

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
	@$(LOG) "Sanity tests of the built collection" python scripts/sanity.py

unit: tools ## Unit and property tests without any host, and the branches of plugins/ that they reach
	@$(STEP) "Unit and property tests" pytest tests/unit --cov --cov-report=term

templates: image ## Real templates, fed to the real parsers
	@$(STEP) "Templates, read by the real parsers" pytest tests/templates

stack: image ## The whole stack on five fresh hosts: converge, second run without a change, host checks, servers killed
	@$(LOG) "Remove what an earlier run left" molecule destroy -s default
	@$(LOG) "Make five hosts and converge the whole stack" molecule converge -s default
	@$(LOG) "Converge again: nothing may change" molecule idempotence -s default
	@$(STEP) --last "Check the hosts, and kill servers under load" pytest -v tests/hosts tests/drills/test_faults.py --hosts='ansible://all' --ansible-inventory=$(STACK)

# Each load balancer's HAProxy or keepalived killed, hung, off, gracefully stopped; the primary's mysqld killed. `make nightly` has all.
HA_DRILLS = tests/drills/test_load_balancers.py tests/drills/test_group.py -k 'balancers and (killed or hangs or off or stopped) or mysqld_killed'
HA_KILLS = 1
ha: image ## Nine hosts of which any may be lost: converge, second run without a change, host checks, load balancers and the primary lost under load
	@$(call converged,ha)
	@DRILL_KILLS=$(HA_KILLS) $(STEP) "ha: lose load balancers and the primary under load" pytest -v $(HA_DRILLS) --ansible-inventory=tests/inventories/ha
	@$(LOG) "ha: remove the hosts" ansible-playbook playbooks/lab/down.yml -i tests/inventories/ha

# The order is from quick to slow, and pytest has the last word. The hosts are left for a look when something failed.
test: lint types sanity unit templates ha stack ## Everything that CI runs on every push
	@molecule destroy -s default >/dev/null 2>&1

# The drills are the last that needs the lab; its hosts are left for a look when one of them failed.
nightly: HA_DRILLS = $(addprefix tests/drills/test_,load_balancers.py group.py any_host.py)
nightly: HA_KILLS = 20
nightly: test molecule lab drills lab-down lanes ## Everything there is: make test, all scenarios, all drills, the lanes

lanes: lane-inventories lane-applications lane-debian12 lane-ansible ## Other inventories, and other versions of what the collection stands on

# What there is to do with an inventory is the same for all: nothing below knows how many hosts there are.
define converged
$(LOG) "$(1): remove what an earlier run left" ansible-playbook playbooks/lab/down.yml -i tests/inventories/$(1) \
	  && $(LOG) "$(1): make the hosts" ansible-playbook playbooks/lab/up.yml -i tests/inventories/$(1) \
	  && $(LOG) "$(1): converge" ansible-playbook playbooks/site.yml -i tests/inventories/$(1) \
	  && $(LOG) "$(1): converge again, nothing may change" scripts/unchanged playbooks/site.yml -i tests/inventories/$(1) \
	  && $(LOG) "$(1): back up" ansible-playbook playbooks/backup.yml -i tests/inventories/$(1) \
	  && $(STEP) "$(1): check the hosts" pytest tests/hosts --hosts='ansible://all' --ansible-inventory=tests/inventories/$(1)
endef

# Each stands for what a user may have.
lane-inventories: image ## One host for everything, two, ...: those of tests/inventories, or one: make lane-inventories NAME=one_host
	@for name in $(or $(NAME),$(INVENTORIES)); do $(call converged,$$name) \
	  && $(LOG) "$$name: remove the hosts" ansible-playbook playbooks/lab/down.yml -i tests/inventories/$$name || exit 1; done

# One after the other on one host, each in the place of the one before.
lane-applications: image ## The applications of docs/applications.md on one host: all of docs/examples, or one: make lane-applications NAME=django
	@lab="-i tests/inventories/applications"; \
	$(LOG) "applications: remove what an earlier run left" ansible-playbook playbooks/lab/down.yml $$lab \
	&& $(LOG) "applications: make the host" ansible-playbook playbooks/lab/up.yml $$lab || exit 1; \
	for name in $(or $(NAME),$(EXAMPLES)); do with="$$lab -i docs/examples/$$name/inventory -e @build/applications/$$name-1.0.yml"; \
	  $(LOG) "$$name: pack it with its wheels" python tests/support/packing.py $$name \
	  && $(LOG) "$$name: release it" ansible-playbook playbooks/site.yml $$with \
	  && $(LOG) "$$name: run again, nothing may change" scripts/unchanged playbooks/site.yml $$with \
	  && $(STEP) "$$name: use it, and break it" pytest tests/applications/test_$$name.py --ansible-inventory=tests/inventories/applications || exit 1; done; \
	$(LOG) "applications: remove the host" ansible-playbook playbooks/lab/down.yml $$lab

lane-debian12: export LAB_RELEASE = bookworm
lane-debian12: tools ## The roles that can run there, on Debian 12
	@$(LOG) "Have a container engine" ansible-playbook playbooks/lab/engine.yml
	@$(LOG) "Build the image of Debian 12" ansible-playbook playbooks/lab/image.yml
	@for role in $(or $(ROLE),$(DEBIAN12)); do $(LOG) "molecule test -s $$role, Debian 12" molecule test -s $$role || exit 1; done

lane-ansible: with = -i tests/inventories/two_hosts
lane-ansible: image ## Unit tests, preflight and a dry run with other series of ansible-core
	@$(LOG) "Remove what an earlier run left" ansible-playbook playbooks/lab/down.yml $(with)
	@$(LOG) "Make two hosts" ansible-playbook playbooks/lab/up.yml $(with)
	@$(LOG) "Converge the whole stack" ansible-playbook playbooks/site.yml $(with)
	@$(LOG) "Other series of ansible-core" python scripts/lane_ansible.py $(lastword $(with))
	@$(LOG) "Remove the hosts" ansible-playbook playbooks/lab/down.yml $(with)

molecule: image ## Every role's scenario, or one: make molecule ROLE=nginx
	@for role in $(or $(ROLE),$(ROLES)); do $(LOG) "molecule test -s $$role" molecule test -s $$role || exit 1; done

drills: export LAB_BROWSER = 1
drills: image ## Break the running lab in every way that is known, and see what a visitor notices
	@$(STEP) "Drills on $(INVENTORY)" pytest -v tests/drills --ansible-inventory=$(INVENTORY)

bench: tools ## Print measurements; nothing is asserted
	@for bench in tests/bench/bench_*.py; do $(STEP) "$$bench" python $$bench || exit 1; done

graph: tools ## Draw an inventory as an SVG: hosts, programs, who connects to whom, virtual addresses
	@$(LOG) "Have Graphviz" scripts/need dot graphviz
	@mkdir -p $(dir $(GRAPH))
	@$(LOG) "Draw $(INVENTORY) to $(GRAPH)" ansible-playbook playbooks/graph.yml -i $(INVENTORY) -e webstack_graph=$(abspath $(GRAPH))

docs: tools ## Write the lists of variables of the roles' READMEs from their argument_specs, and the dashboards
	@$(STEP) "Write the lists of variables" python scripts/docs.py
	@$(STEP) "Write the dashboards for Grafana" python scripts/dashboards.py

build: tools ## Build the collection's tarball into build/
	@$(LOG) "Build the collection" ansible-galaxy collection build --force --output-path build

.PHONY: $(shell sed -n -E 's/^([a-z0-9-]+):.*/\1/p' $(MAKEFILE_LIST))
