#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.app_release; its action plugin of the same name packs the source on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_release
version_added: 1.0.0
short_description: Deploys a release of an application once it has answered
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Brings an application's files to the host as a release of its own, starts it beside the release that serves, with
    the unit, the configuration and the environment that it is to have, and checks its health. Only when it answers
    does all of that replace what serves, by renames and one restart. If it does not, the task fails with the last
    lines of its journal, and what serves was not touched.
  - The same holds for a changed unit, configuration or environment of the release that serves already.
  - When the application answers on trial but not after the switch, what served before is restored.
  - The listening socket outlives the restart (see the role P(foobar.webstack.appserver#role)), so that requests wait
    and none is refused.
  - When the configuration sets C(certfile), the health check speaks TLS and verifies the certificate.
  - A run that was interrupted anywhere is finished by the next one. Half-made releases are made anew.
attributes:
  action:
    description:
      - The source is packed on the controller, once a run for all hosts. A host that has the release gets no files.
    support: full
  check_mode:
    description:
      - Reports what it would change and changes nothing. Without files on the host it does not try anything either.
    support: full
  diff_mode:
    description:
      - Shows release, unit and configuration, and the names of changed environment variables, never their values.
    support: full
  platform:
    description: Systems that the module is written for.
    platforms: posix
    support: full
requirements:
  - systemd
  - C(git) on the controller for a source of type V(git)
options:
  name:
    description: Name of the application, of its service and of its user.
    type: str
    required: true
  source:
    description: Where the files come from. Everything is read on the controller.
    type: dict
    suboptions:
      type:
        description: Kind of source.
        type: str
        choices: [directory, archive, git]
        required: true
      path:
        description:
          - Directory, or archive (tar in any compression, or zip). A relative path is searched for as other actions
            do.
        type: path
      url:
        description: Archive to download to the controller instead.
        type: str
      checksum:
        description: V(sha256:) and 64 hexadecimal digits, required with O(source.url).
        type: str
      repo:
        description: Git repository. The controller's own keys and credentials are used. Submodules are not fetched.
        type: str
      version:
        description: Branch, tag or full commit hash.
        type: str
        default: HEAD
      subdirectory:
        description: Only what is below this directory of the source, which becomes the top of the release.
        type: str
        default: ""
      exclude:
        description: Shell patterns of names or paths that stay out, besides version control and caches.
        type: list
        elements: str
        default: []
  release:
    description:
      - Id of the release. By default it follows from the content (directory, archive) or is the commit (git).
      - A release that is on the host is used as it is, so that an older id means going back.
    type: str
    default: ""
  archive:
    description: Tarball on the host. The action plugin sets it.
    type: path
  unit:
    description:
      - Text of the systemd service. It names C(/srv/www/<name>/current) and C(/etc/appserver/<name>/) where the files
        are.
    type: str
    required: true
  config:
    description: Text of the gunicorn configuration. It binds to one address.
    type: str
    required: true
  environment:
    description: Environment variables of the application.
    type: dict
    default: {}
  secrets:
    description:
      - Environment variables whose values are not to be seen. They stand in the same file, which only root reads.
    type: dict
    default: {}
  migrate:
    description:
      - Command that is run before every trial, in the release's directory, with the environment and the confinement
        of the application.
      - It runs again whenever something is tried, on every host, so it must be harmless when repeated.
    type: list
    elements: str
    default: []
  migrate_secrets:
    description: Environment variables that exist only during a trial, such as an account that may change the schema.
    type: dict
    default: {}
  migrate_timeout:
    description: Seconds for O(migrate).
    type: int
    default: 300
  build:
    description:
      - Commands that are run once in a new release, after its packages are installed, one after the other.
      - They have the user, the environment and the confinement of the application, and may write to the release. A
        first word that ends in C(.py) is a file of the release, run by its Python.
      - When one fails, the release is discarded.
    type: list
    elements: list
    default: []
  build_timeout:
    description: Seconds for each command of O(build).
    type: int
    default: 600
  processes:
    description:
      - Programs that always run beside the application, as C(<name>-<process>.service), with its user, environment and
        confinement. They are restarted after the application has answered in its place, and taken back with it when one
        does not stay up for O(settle_seconds).
      - One that is not listed any more is stopped and removed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      command:
        description: The program and its arguments.
        type: list
        elements: str
        required: true
      instances:
        description: How many of it run. With several, the services are called C(<name>-<process>-<number>).
        type: int
        default: 1
      environment:
        description: Further environment variables, which everybody on the host may read. C(APP_INSTANCE) is its number.
        type: dict
        default: {}
      stop_timeout:
        description: Seconds that it has to end in after SIGTERM.
        type: int
        default: 60
      unit_options:
        description: Directives for the C([Service]) section, which override the others.
        type: dict
        default: {}
  jobs:
    description:
      - Programs that a timer starts, as C(<name>-<job>.timer) and C(.service). They are released as O(processes) are.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      command:
        description: The program and its arguments.
        type: list
        elements: str
        required: true
      schedule:
        description: When it is started, as systemd's C(OnCalendar) has it.
        type: str
        required: true
      environment:
        description: Further environment variables, which everybody on the host may read.
        type: dict
        default: {}
      timeout:
        description: Seconds after which it is ended.
        type: int
        default: 3600
      persistent:
        description: Whether a run that was missed, because the host was down, is made up for.
        type: bool
        default: false
      unit_options:
        description: Directives for the C([Service]) section, which override the others.
        type: dict
        default: {}
  settle_seconds:
    description: For how long O(processes) have to stay up after they were started.
    type: int
    default: 5
  uploads:
    description:
      - Directories of C(shared/) that a web server on this host serves. They get its group, and so do new files there.
      - The unit's umask has to let the group read. What is there already is made readable once.
    type: list
    elements: str
    default: []
  uploads_group:
    description: Group of the web server.
    type: str
    default: www-data
  uploads_mounted:
    description: Whether these directories, or C(shared/), are mounted. They have to be, and are left as they are.
    type: bool
    default: false
  requirements:
    description: Requirements file of the release to make a virtual environment from; empty for none.
    type: str
    default: ""
  pip_arguments:
    description:
      - Further arguments of C(pip install). Paths are relative to the release.
      - Accounts in URLs (C(https://<user>:<token>@<host>/simple)) are given to pip in a file that only it reads, and
        neither stored nor shown. Another token is not another release.
    type: list
    elements: str
    default: []
  system_site_packages:
    description: Whether the virtual environment sees the packages of the host.
    type: bool
    default: false
  health_uri:
    description: Path of the health check. Any status 2xx is healthy.
    type: str
    default: /healthz
  health_host:
    description: Host header of the health check.
    type: str
    default: localhost
  start_timeout:
    description: Seconds within which the application must answer.
    type: int
    default: 30
  tls_ca:
    description:
      - Certificates of the authorities that the application's certificate must come from, when the configuration sets
        C(certfile). Without it, the application must show the certificate of that file.
    type: path
    default: ""
  tls_name:
    description: Name that clients look for in the application's certificate; none is looked for when empty.
    type: str
    default: ""
  keep:
    description: Number of releases to keep, with the one that serves.
    type: int
    default: 5
  until:
    description:
      - How far to go. With V(unpacked), the release is on the host afterwards, with its packages and what it builds.
      - With V(tried), it has answered beside what serves, and waits for M(foobar.webstack.app_switch) to let it serve,
        so that every host can be asked before the first one changes.
      - With V(final), it serves.
    type: str
    choices: [unpacked, tried, final]
    default: final
  goes_back:
    description:
      - Whether O(release) has served before, and is to serve again in place of one that is withdrawn by that.
      - It is used as it was made, and O(migrate) is not run.
    type: bool
    default: false
  withdrawn:
    description:
      - Whether a release may serve that somebody has gone back from. Otherwise the one that serves goes on, with a
        warning, so that the next run does not undo that.
    type: bool
    default: false
  lock:
    description:
      - What M(foobar.webstack.app_lock) has returned on this host. While somebody else holds that lock, nothing is
        changed.
    type: str
    default: ""
seealso:
  - module: foobar.webstack.app_switch
  - module: foobar.webstack.app_lock
  - module: foobar.webstack.app_release_info
"""

EXAMPLES = r"""
- name: Release the shop
  foobar.webstack.app_release:
    name: shop
    source:
      type: git
      repo: git@git.example.com:shop.git
      version: v2.3.0
    unit: "{{ lookup('ansible.builtin.template', 'shop.service.j2') }}"
    config: "{{ lookup('ansible.builtin.template', 'gunicorn.conf.py.j2') }}"
    environment:
      APP_SERVER_NAME: "{{ inventory_hostname }}"
    secrets:
      DATABASE_URL: "{{ shop_database_url }}"
    migrate: [python3, -m, shop.migrate]

- name: Go back to the release before
  foobar.webstack.app_release:
    name: shop
    release: 3f2a9c41b07d
    unit: "{{ lookup('ansible.builtin.template', 'shop.service.j2') }}"
    config: "{{ lookup('ansible.builtin.template', 'gunicorn.conf.py.j2') }}"
"""

RETURN = r"""
release:
  description: Id of the release that serves now.
  returned: always
  type: str
  sample: 3f2a9c41b07d
previous:
  description: Id of the release that served before; empty if there was none.
  returned: always
  type: str
  sample: 81d0c6e0f5aa
switched:
  description: Whether something was tried and put in place, with a restart.
  returned: always
  type: bool
staged:
  description: Whether something was tried and waits to go live; in check mode, whether it would.
  returned: always
  type: bool
"""

import os
import pwd
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._release.apply import Outcome, Until, apply
from ansible_collections.foobar.webstack.plugins.module_utils._release.credentials import secrets_of
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.differences import differences
from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import passwords
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.parameters import ARGUMENTS, wanted
from ansible_collections.foobar.webstack.plugins.module_utils._release.releases import is_withdrawn

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def checked(parameters: dict[str, Any]) -> Layout:
    """Refuse what would end up as a strange path or unit name."""
    if not NAME.fullmatch(parameters["name"]):
        raise ReleaseError(
            f"name is {parameters['name']!r}; write lower-case letters, digits, - and _, a letter first, at most 31"
        )
    if not RELEASE.fullmatch(parameters["release"]):
        raise ReleaseError(
            f"release is {parameters['release']!r}; write letters, digits and . _ -, at most 64, no sign first"
        )
    layout = Layout(parameters["name"])
    if layout.package_unit.exists():
        raise ReleaseError(f"{layout.package_unit} belongs to a package; give the application another name")
    return layout


def hold(module: AnsibleModule, layout: Layout) -> None:
    """Keep a release out that somebody has gone back from: the one that serves is wanted then."""
    release, serving = module.params["release"], layout.serving()
    if module.params["withdrawn"] or module.params["goes_back"] or serving in (None, release):
        return
    if is_withdrawn(layout, release):
        module.warn(
            f"rollback.yml has taken release {release} of {layout.name} back, so {serving} goes on serving. deploy.yml "
            "releases it again; or release another one"
        )
        module.params["release"] = serving


def run(module: AnsibleModule) -> None:
    """Deploy, or compare in check mode, and report."""
    layout = checked(module.params)
    hold(module, layout)
    try:
        user = pwd.getpwnam(module.params["name"])
    except KeyError:
        if not module.check_mode:
            raise ReleaseError(f"the user {module.params['name']} does not exist; make it first") from None
        user = None
    deployment = Deployment.of(layout, wanted(module.params, user), module.run_command)
    deployment.check()
    previous = layout.serving() or ""
    if module.check_mode:
        found = tuple(differences(deployment))
        stages = module.params["until"] == Until.TRIED and any(difference.activates for difference in found)
        outcome = Outcome(found, staged=stages)
    else:
        archive = Path(module.params["archive"]) if module.params["archive"] else None
        outcome = apply(deployment, archive, Until(module.params["until"]), module.params["lock"])
    diff = [
        {
            "before_header": f"{difference.what} (before)",
            "after_header": f"{difference.what} (after)",
            "before": difference.before,
            "after": difference.after,
        }
        for difference in outcome.found
    ]
    # Where the release is missing, the action plugin sends it and calls again.
    missing = {"missing": True} if outcome.missing else {}
    module.exit_json(
        changed=bool(outcome.found),
        diff=diff,
        release=module.params["release"],
        previous=previous,
        switched=outcome.switched,
        staged=outcome.staged,
        **missing,
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # Output of the application may hold a password of a URL without the rest of it.
    module.no_log_values |= passwords({**module.params["secrets"], **module.params["migrate_secrets"]})
    module.no_log_values |= secrets_of(module.params["pip_arguments"])
    # Files and folders of a release are for the application and for the web server beside it to read.
    os.umask(0o022)
    try:
        run(module)
    except ReleaseError as error:
        module.fail_json(msg=str(error), release=module.params["release"])


if __name__ == "__main__":
    main()
