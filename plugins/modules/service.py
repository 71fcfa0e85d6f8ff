#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Run the service of the current release
version_added: 0.1.0
description:
  - "Keeps a service running for the current release, under systemd or supervisor."
  - "A service that already runs this release with these settings is left alone."
  - "Waits until the service stays up; one that dies at its start fails with its last lines."
  - Done by an action plugin with one POSIX shell script per host; the host needs no Python.
author:
  - Fraisier authors (@fraiseql)
attributes:
  check_mode:
    description: Can run in check mode and tells what would change.
    support: full
  diff_mode:
    description: Tells what changes in diff mode.
    support: full
options:
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  blue_green:
    description: "Two instances: their ports, and the variable that tells each its own, as C({blue: 8001, green: 8002, variable: PORT})."
    type: dict
    default: {}
  release_id:
    description: "With O(blue_green): the release whose instance is meant; empty is the one that serves."
    type: str
    default: ""
  instance:
    description: "With O(blue_green): that of the release, the other one, or one of the two by its name."
    type: str
    choices: [release, other, blue, green]
    default: release
  manager:
    description: "Who runs the service."
    type: str
    choices: [systemd, supervisor]
    default: systemd
  state:
    description: "V(stopped) stops it for good."
    type: str
    choices: [restarted, stopped]
    default: restarted
  environment:
    description: "Environment of the service; written to C(shared/service.env) with mode 0600."
    type: dict
    default: {}
  credentials:
    description: "Credentials of the service, by name; files in C(shared/credentials) with mode 0600."
    type: dict
    default: {}
  start_timeout_seconds:
    description: "Time to come up."
    type: int
    default: 30
  stop_timeout_seconds:
    description: "Time to end."
    type: int
    default: 20
  settle_seconds:
    description: "How long the same process must stay up to count as started."
    type: float
    default: 1
  log_lines:
    description: "How many last lines a failure shows."
    type: int
    default: 20
  unit:
    description: "Name of the unit, under systemd."
    type: str
    default: ""
  scope:
    description: "The system's systemd, or the user's own."
    type: str
    choices: [system, user]
    default: system
  content:
    description: "Text of the unit; empty when the unit is your own and only restarted."
    type: str
    default: ""
  program:
    description: "Program of the service in supervisor."
    type: str
    default: ""
  exec:
    description: "Command of the service, under supervisor; relative to the release."
    type: str
    default: ""
  home:
    description: "Folder of supervisord. The default is C(supervisor) in O(app_path)."
    type: path
  python:
    description: "Interpreter that makes the virtual environment of supervisor."
    type: str
    default: python3
  venv:
    description: "That virtual environment. The default is C(venv) in O(home)."
    type: path
  package:
    description: "What pip installs there."
    type: str
    default: "supervisor>=4.3,<5"
"""

EXAMPLES = r"""
- name: Restart my own unit
  fraisier.deploy.service:
    app_path: /srv/my_api
    unit: my_api.service
"""

RETURN = r"""
state:
  description: "V(running) or V(stopped)."
  returned: always
  type: str
  sample: "running"
pid:
  description: "Main process."
  returned: always
  type: int
  sample: 4711
started_at:
  description: "Its start, in seconds since the epoch by the host's clock."
  returned: always
  type: float
  sample: 1795312560.25
log:
  description: "Last lines of the service, when it did not stay up."
  returned: failure
  type: list
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.service is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
