"""What the inventory says of builds, processes and jobs: what is refused, and what is for which host."""

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.appserver_errors import appserver_errors
from ansible_collections.foobar.webstack.plugins.filter.stack_errors import stack_errors
from ansible_collections.foobar.webstack.plugins.filter.units_of_host import units_of_host
from ansible_collections.foobar.webstack.plugins.module_utils._release.companions import Job, Process
from ansible_collections.foobar.webstack.plugins.module_utils._release.parameters import ARGUMENTS
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.appserver import JOB, PROCESS
from stack_variables import rendered

ROOT = Path(__file__).resolve().parents[2]
WORKER = {"command": ["celery", "-A", "shop", "worker"]}
CLEANUP = {"command": ["manage.py", "clearsessions"], "schedule": "daily"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"appserver_build": [["manage.py", "collectstatic"]], "appserver_processes": {"worker": WORKER}},
        {"appserver_jobs": {"cleanup": CLEANUP, "report": {**CLEANUP, "schedule": "Mon,Tue *-*-* 03:15:00 UTC"}}},
        {"appserver_processes": {"w": {**WORKER, "instances": 3, "hosts": "first", "unit_options": {"Nice": 5}}}},
        {"nginx_sites": "not its business"},
    ],
)
def test_good_ones_have_no_errors(given) -> None:
    assert appserver_errors(given) == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("build", [["make"], []], "appserver_build[1] has no words; write a command, or remove it"),
        ("processes", {"worker": {}}, "appserver_processes.worker.command is required; write a list"),
        ("processes", {"worker": {"command": []}}, "appserver_processes.worker.command has no words"),
        (
            "processes",
            {"w": {"command": "celery worker"}},
            'w.command is "celery worker"; write a list, such as [celery',
        ),
        (
            "processes",
            {"w": {**WORKER, "instnces": 2}},
            "Unknown option instnces of appserver_processes.w; did you mean",
        ),
        ("processes", {"w": {**WORKER, "instances": 0}}, "appserver_processes.w.instances is 0; use 1 to 64"),
        ("processes", {"w": {**WORKER, "stop_timeout": 0}}, "appserver_processes.w.stop_timeout is 0; use 1 or more"),
        ("processes", {"w": {**WORKER, "hosts": "web1"}}, 'w.hosts is "web1"; write all or first'),
        ("processes", {"my worker": WORKER}, '"my worker" is not a valid name; use at most 31 of a-z'),
        ("processes", {"w": ["celery"]}, "appserver_processes.w is"),
        ("processes", {"candidate": WORKER}, '"candidate" is a name that the role needs itself'),
        ("jobs", {"j": WORKER}, "appserver_jobs.j.schedule is required; write a string"),
        (
            "jobs",
            {"j": {**CLEANUP, "schedule": "15 3 * * *"}},
            "not as systemd has it (OnCalendar); write daily, *:0/10",
        ),
        ("jobs", {"j": {**CLEANUP, "schedule": " "}}, "not as systemd has it"),
        ("jobs", {"j": {**CLEANUP, "schedule": "daily\nUnit=x"}}, "not as systemd has it"),
        ("jobs", {"j": {**CLEANUP, "timeout": 0}}, "appserver_jobs.j.timeout is 0; use 1 or more"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(variable, value, said) -> None:
    [error] = appserver_errors({f"appserver_{variable}": value})
    assert said in error
    assert not error.endswith(".")


@pytest.mark.parametrize(
    ("processes", "jobs"),
    [
        ({"work": WORKER}, {"work": CLEANUP}),
        ({"w": {**WORKER, "instances": 2}, "w-2": WORKER}, {}),
        ({"w": {**WORKER, "instances": 2}}, {"w-1": CLEANUP}),
    ],
)
def test_two_units_of_one_name_are_refused(processes, jobs) -> None:
    [error] = appserver_errors({"appserver_processes": processes, "appserver_jobs": jobs})
    assert "is a name that appserver_processes has as well; use another one" in error


def test_a_job_runs_on_one_host_and_a_process_on_each() -> None:
    """Red if each of two application servers sent the newsletter."""
    everywhere = {**CLEANUP, "hosts": "all"}
    jobs = {"newsletter": CLEANUP, "tidy": everywhere}
    processes = {"worker": WORKER, "beat": {**WORKER, "hosts": "first"}}

    def names(entries: dict[str, Any], variable: str, is_first: bool) -> list[str]:
        return [entry["name"] for entry in units_of_host(entries, variable, is_first)]

    assert names(jobs, "appserver_jobs", True) == ["newsletter", "tidy"]
    assert names(jobs, "appserver_jobs", False) == ["tidy"]
    assert names(processes, "appserver_processes", True) == ["worker", "beat"]
    assert names(processes, "appserver_processes", False) == ["worker"]
    [tidy] = units_of_host({"tidy": everywhere}, "appserver_jobs", False)
    assert tidy == {"name": "tidy", **CLEANUP}


def test_the_role_alone_refuses_them_as_well() -> None:
    with pytest.raises(AnsibleFilterError, match=r"appserver_jobs\.j\.schedule is required; write a string\."):
        units_of_host({"j": WORKER}, "appserver_jobs", True)
    with pytest.raises(AnsibleFilterError, match="units_of_host: give the dict"):
        units_of_host([WORKER], "appserver_processes", True)


@pytest.mark.parametrize(("option", "known", "made"), [("processes", PROCESS, Process), ("jobs", JOB, Job)])
def test_the_module_takes_what_is_checked(option, known, made) -> None:
    """With the same defaults. Red for an option that is added in one place alone."""
    taken = ARGUMENTS[option]["options"]
    assert set(taken) == {"name", *known} - {"hosts"}
    for name, entry in taken.items():
        if name != "name":
            assert entry == known[name]
    built = made(**{name: entry.get("default", "x") for name, entry in taken.items()})
    assert {name: getattr(built, name) for name, entry in taken.items() if "default" in entry} == {
        name: getattr(made("x", ["x"], *(["x"] if made is Job else [])), name)
        for name, entry in taken.items()
        if "default" in entry
    }


class TestHostOfTheJobs:
    def test_it_is_the_first_application_host(self) -> None:
        found = rendered("{{ appserver_is_first }}", ROOT / "inventories/lab")
        assert (found["web1"], found["web2"]) == (True, False)

    def test_or_the_one_that_the_inventory_names(self) -> None:
        found = rendered("{{ appserver_is_first }}", ROOT / "inventories/lab", webstack_app_job_host="web2")
        assert (found["web1"], found["web2"]) == (False, True)

    def test_one_that_is_no_application_host_is_refused(self) -> None:
        """No host would run the jobs, and nobody would be told."""
        given = {"webstack_app_job_host": "web3"}
        [error] = stack_errors(given, application_hosts=["web1", "web2"])
        assert 'webstack_app_job_host is "web3", which is not in the group appservers; ' in error
        assert "one of web1, web2" in error
        assert stack_errors({"webstack_app_job_host": "web2"}, application_hosts=["web1", "web2"]) == []
