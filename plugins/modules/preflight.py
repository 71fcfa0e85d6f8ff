#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Look at a host before a deployment
version_added: 0.1.0
description:
  - "Reads the releases, the disk and the service of a host and checks that a deployment can be done. Changes nothing."
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
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  blue_green:
    description: "Two instances: their ports, and the variable that tells each its own, as C({blue: 8001, green: 8002, variable: PORT})."
    type: dict
    default: {}
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
  unit_exists:
    description: "Fail unless the unit exists."
    type: bool
    default: false
  python:
    description: "Interpreter that would make the virtual environment of supervisor."
    type: str
    default: python3
  venv:
    description: "Virtual environment of supervisor. The default is C(venv) in O(home)."
    type: path
  require:
    description: "Fail on what is missing; V(false) only tells."
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Look at the host
  fraisier.deploy.preflight:
    app_path: /srv/my_api
    tools: [git]
    min_free_mb: 200
"""

RETURN = r"""
current_release_id:
  description: "Release that is current, or an empty text."
  returned: always
  type: str
  sample: "20261122T015600Z-0123456789ab-k3f9qa"
current_version:
  description: "Its commit."
  returned: always
  type: str
  sample: "0123456789abcdef0123456789abcdef01234567"
releases:
  description: "Complete releases on the host, oldest first."
  returned: always
  type: list
  sample: []
bad_releases:
  description: "Those of them that are marked as bad."
  returned: always
  type: list
  sample: []
free_mb:
  description: "Room on the disk in MB."
  returned: always
  type: int
  sample: 20480
user:
  description: "Who does the work on the host."
  returned: always
  type: str
  sample: "deploy"
problems:
  description: "What is missing."
  returned: always
  type: list
  sample: []
manifest:
  description: "What the current release says of itself."
  returned: always
  type: dict
  sample: {}
service:
  description: "State, pid and start of the service, and the release that its process was started in."
  returned: always
  type: dict
  sample: {}
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(
        msg="fraisier.deploy.preflight is an action plugin: call it by this name in a task, not as a module"
    )


if __name__ == "__main__":
    main()
