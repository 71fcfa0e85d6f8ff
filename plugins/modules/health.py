#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: health
short_description: Wait until a service is healthy
version_added: 0.1.0
description:
  - "Asks on the host itself until the service answers as it should, or time is up."
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
  release_id:
    description: "With O(blue_green): the release whose instance is meant; empty is the one that serves."
    type: str
    default: ""
  instance:
    description: "With O(blue_green): that of the release, the other one, or one of the two by its name."
    type: str
    choices: [release, other, blue, green]
    default: release
  url:
    description: "URL to ask."
    type: str
    default: ""
  status:
    description: "Status codes that mean healthy."
    type: list
    elements: int
    default: [200]
  timeout_seconds:
    description: "Time to become healthy."
    type: float
    default: 30
  interval_seconds:
    description: "Pause between two attempts."
    type: float
    default: 0.5
  request_timeout_seconds:
    description: "Time for one answer."
    type: float
    default: 5
  version_json:
    description: "Where in the answer's JSON the version stands."
    type: str
    default: ""
  version_header:
    description: "Header in which the version stands."
    type: str
    default: ""
  expected_version:
    description: "Version that must answer."
    type: str
    default: ""
  headers:
    description: "Headers of the request; they reach curl over stdin."
    type: dict
    default: {}
  command:
    description: "Command that must succeed."
    type: raw
    default: ""
  environment:
    description: "Environment of the commands. The values travel over stdin and are never returned."
    type: dict
    default: {}
  verify_tls:
    description: "Check the certificate."
    type: bool
    default: true
  after_start:
    description: "The service's process must have been started after O(activated_at)."
    type: bool
    default: true
  activated_at:
    description: "Time of the activation."
    type: float
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
  log_lines:
    description: "How many last lines a failure shows."
    type: int
    default: 20
  once:
    description: "Ask once and only tell."
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Wait until the new version answers
  fraisier.deploy.health:
    app_path: /srv/my_api
    url: http://127.0.0.1:8000/health
    version_json: version
    expected_version: 0123456789abcdef0123456789abcdef01234567
"""

RETURN = r"""
healthy:
  description: "Whether it is healthy."
  returned: always
  type: bool
  sample: true
status:
  description: "Last status code."
  returned: always
  type: int
  sample: 200
version:
  description: "Version that answered."
  returned: always
  type: str
  sample: "0123456"
expected_version:
  description: "Version that was expected."
  returned: always
  type: str
  sample: "0123456789abcdef0123456789abcdef01234567"
evidence:
  description: "What was asked for as proof: V(version), V(restart), V(answer), V(command) or V(none)."
  returned: always
  type: str
  sample: "version"
attempts:
  description: "How often it was asked."
  returned: always
  type: int
  sample: 3
pid:
  description: "Main process of the service."
  returned: always
  type: int
  sample: 4711
started_at:
  description: "Its start."
  returned: always
  type: float
  sample: 1795312560.25
log:
  description: "Last lines of the service, on failure."
  returned: failure
  type: list
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.health is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
