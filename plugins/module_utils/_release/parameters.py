"""The parameters of the module app_release, and what they ask for."""

from __future__ import annotations

import grp
import pwd
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release.companions import Job, Process
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Requirements, Wanted
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.shared import Uploads

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "source": {
        "type": "dict",
        "options": {
            "type": {"type": "str", "choices": ["directory", "archive", "git"], "required": True},
            "path": {"type": "path"},
            "url": {"type": "str"},
            "checksum": {"type": "str"},
            "repo": {"type": "str"},
            "version": {"type": "str", "default": "HEAD"},
            "subdirectory": {"type": "str", "default": ""},
            "exclude": {"type": "list", "elements": "str", "default": []},
        },
    },
    "release": {"type": "str", "default": ""},
    "archive": {"type": "path"},
    "unit": {"type": "str", "required": True},
    "config": {"type": "str", "required": True},
    "environment": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "migrate": {"type": "list", "elements": "str", "default": []},
    "migrate_secrets": {"type": "dict", "default": {}, "no_log": True},
    "migrate_timeout": {"type": "int", "default": 300},
    "build": {"type": "list", "elements": "list", "default": []},
    "build_timeout": {"type": "int", "default": 600},
    "processes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "instances": {"type": "int", "default": 1},
            "environment": {"type": "dict", "default": {}},
            "stop_timeout": {"type": "int", "default": 60},
            "unit_options": {"type": "dict", "default": {}},
        },
    },
    "jobs": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "schedule": {"type": "str", "required": True},
            "environment": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 3600},
            "persistent": {"type": "bool", "default": False},
            "unit_options": {"type": "dict", "default": {}},
        },
    },
    "settle_seconds": {"type": "int", "default": 5},
    "uploads": {"type": "list", "elements": "str", "default": []},
    "uploads_group": {"type": "str", "default": "www-data"},
    "uploads_mounted": {"type": "bool", "default": False},
    "requirements": {"type": "str", "default": ""},
    "pip_arguments": {"type": "list", "elements": "str", "default": []},
    "system_site_packages": {"type": "bool", "default": False},
    "health_uri": {"type": "str", "default": "/healthz"},
    "health_host": {"type": "str", "default": "localhost"},
    "start_timeout": {"type": "int", "default": 30},
    "tls_ca": {"type": "path", "default": ""},
    "tls_name": {"type": "str", "default": ""},
    "keep": {"type": "int", "default": 5},
    "until": {"type": "str", "choices": ["unpacked", "tried", "final"], "default": "final"},
    "goes_back": {"type": "bool", "default": False},
    "withdrawn": {"type": "bool", "default": False},
    "lock": {"type": "str", "default": "", "no_log": False},
}


def wanted(parameters: dict[str, Any], user: pwd.struct_passwd | None) -> Wanted:
    """What the parameters ask for."""
    return Wanted(
        release=parameters["release"],
        unit=parameters["unit"],
        config=parameters["config"],
        environment={**parameters["environment"], **parameters["secrets"]},
        candidate_environment=parameters["migrate_secrets"],
        user=parameters["name"],
        uid=user.pw_uid if user else -1,
        gid=user.pw_gid if user else -1,
        migrate=[] if parameters["goes_back"] else parameters["migrate"],
        migrate_timeout=parameters["migrate_timeout"],
        build=[[str(word) for word in words] for words in parameters["build"]],
        build_timeout=parameters["build_timeout"],
        processes=[Process(**process) for process in parameters["processes"]],
        jobs=[Job(**job) for job in parameters["jobs"]],
        settle_seconds=parameters["settle_seconds"],
        uploads=_uploads(parameters),
        start_timeout=parameters["start_timeout"],
        tls_ca=parameters["tls_ca"],
        tls_name=parameters["tls_name"],
        health_uri=parameters["health_uri"],
        health_host=parameters["health_host"],
        requirements=Requirements(
            parameters["requirements"], parameters["pip_arguments"], parameters["system_site_packages"]
        ),
        keep=parameters["keep"],
        goes_back=parameters["goes_back"],
    )


def _uploads(parameters: dict[str, Any]) -> Uploads:
    if not parameters["uploads"]:
        return Uploads()
    try:
        gid = grp.getgrnam(parameters["uploads_group"]).gr_gid
    except KeyError:
        raise ReleaseError(
            f"the group {parameters['uploads_group']} does not exist on this host; set appserver_uploads_group to "
            "that of the web server"
        ) from None
    return Uploads(parameters["uploads"], gid, parameters["uploads_mounted"])
