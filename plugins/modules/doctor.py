#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor
short_description: Look at everything that a deployment needs of a host
version_added: 0.1.0
description:
  - "Looks at folder, disk, tools, service manager, clock, access to the repository, port and service of a host, or at its systemd unit."
  - "Changes nothing. What is wrong is a finding that says what to do next, not a failure."
  - Done by an action plugin with one POSIX shell script per host; the host needs no Python.
author:
  - Fraisier authors (@fraiseql)
attributes:
  check_mode:
    description: Can run in check mode and tells what would change.
    support: full
  diff_mode:
    description: Tells what changes in diff mode.
    support: none
options:
  look:
    description: "The host as a whole, or the unit as who writes it."
    type: str
    choices: [host, unit]
    default: host
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  repo:
    description: "Repository that the host must be able to read; empty does not ask."
    type: str
    default: ""
  branch:
    description: "Branch or tag that must be there."
    type: str
    default: HEAD
  push:
    description: "The controller fetches: it must be able to read O(repo), the host need not."
    type: bool
    default: false
  environment:
    description: "Environment of git."
    type: dict
    default: {}
  health_url:
    description: "URL of the health check: where it is local, its port must be free or the service's."
    type: str
    default: ""
  max_clock_seconds:
    description: "How far the host's clock may be from the controller's."
    type: float
    default: 2
  git_timeout_seconds:
    description: "Time for the repository to answer."
    type: int
    default: 20
  tools:
    description: "Programs that must be on the host."
    type: list
    elements: str
    default: []
  min_free_mb:
    description: "Room that must be free on the disk, in MB."
    type: int
    default: 0
  manager:
    description: "Who runs the service."
    type: str
    choices: [systemd, supervisor, docker_compose, none]
    default: none
  unit:
    description: "Unit of the service under systemd."
    type: str
    default: ""
  scope:
    description: "The system's systemd, or the user's own."
    type: str
    choices: [system, user]
    default: system
  program:
    description: "Program of the service in supervisor."
    type: str
    default: ""
  home:
    description: "Folder of supervisord. The default is C(supervisor) in O(app_path)."
    type: path
  compose:
    description: "The compose project: C({project: NAME, command: [WORDS], one_shot: [SERVICES]}). Without a command it is found."
    type: dict
    default: {}
  blue_green:
    description: "Two instances of the service on the host, by ports and the variable that has them: the one that serves is looked at."
    type: dict
    default: {}
  instance:
    description: "The instance to look at: that of the release that serves, the other one, or one by its color."
    type: str
    choices: [release, other, blue, green]
    default: release
  unit_exists:
    description: "The unit is the user's own and must exist."
    type: bool
    default: false
  unit_written:
    description: "The unit is written by the deployment, so its folder must be writable."
    type: bool
    default: false
  python:
    description: "Interpreter that would make the virtual environment of supervisor."
    type: str
    default: python3
  venv:
    description: "Virtual environment of supervisor. The default is C(venv) in O(home)."
    type: path
"""

EXAMPLES = r"""
- name: Look at the host
  fraisier.deploy.doctor:
    app_path: /srv/my_api
    repo: git@git.example.com:me/my_api.git
    tools: [git, tar]
"""

RETURN = r"""
findings:
  description: "What was looked at: check, state (ok, warning, problem), message, and hint, what to do next."
  returned: success
  type: list
  sample:
    - check: disk
      state: ok
      message: "20480 MB free at /srv"
      hint: ""
current_release_id:
  description: "Release that is current, or an empty text."
  returned: when O(look=host)
  type: str
  sample: "20261122T015600Z-0123456789ab-k3f9qa"
current_version:
  description: "Its commit."
  returned: when O(look=host)
  type: str
  sample: "0123456789abcdef0123456789abcdef01234567"
user:
  description: "Who looked."
  returned: success
  type: str
  sample: "deploy"
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.doctor is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
