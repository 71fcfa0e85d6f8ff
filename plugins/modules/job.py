#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: job
short_description: Run a program of the current release to its end
version_added: 0.1.0
description:
  - "Runs a program inside the current release and brings back its exit code, its duration and the last lines of its output; it fails when
    the program fails. Under systemd it runs in a transient unit (C(systemd-run)), with a user, limits and a time limit of its own; without,
    as a child of the connection. It is never run twice at once on a host."
  - Done by an action plugin with one POSIX shell script per host; the host needs no Python.
author:
  - Fraisier authors (@fraiseql)
attributes:
  check_mode:
    description: Can run in check mode; then nothing is run.
    support: full
  diff_mode:
    description: Tells what changes in diff mode.
    support: none
options:
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  name:
    description: Name of the job.
    type: str
    required: true
  command:
    description: "What runs, inside the current release: a text for C(sh -c), or a list of words. Required save with O(manager=unit)."
    type: raw
  backup:
    description: "Instead of a command, a copy that is made: the arguments of M(fraisier.deploy.backup) without C(app_path), for
      V(none) in O(manager)."
    type: dict
  manager:
    description: "V(systemd) runs it in a transient unit; V(unit) starts the service that M(fraisier.deploy.jobs) has installed; V(none)
      runs it as a child of the connection."
    type: str
    choices: [systemd, unit, none]
    default: systemd
  scope:
    description: The system's systemd, or the user's own.
    type: str
    choices: [system, user]
    default: system
  unit:
    description: Name of the unit; required save with O(manager=none).
    type: str
  besides:
    description: Units beside which it must not run either, such as the one that its timer starts.
    type: list
    elements: str
  user:
    description: User that the program runs as, in the system's scope.
    type: str
  group:
    description: Its group.
    type: str
  options:
    description: More settings of the unit's [Service] section; they win over ours.
    type: dict
  environment:
    description: Environment of the program. May hold secrets.
    type: dict
  timeout_seconds:
    description: Longest time for one run; then it is ended.
    type: int
    default: 3600
  log_lines:
    description: How many of the last lines of its output are brought back.
    type: int
    default: 50
"""

EXAMPLES = r"""
- name: Import the orders
  fraisier.deploy.job:
    app_path: /srv/import_orders
    name: run
    unit: import-orders.service
    command: [./import.py, --since, yesterday]
    options: {MemoryMax: 512M}
"""

RETURN = r"""
rc:
  description: Exit code of the program.
  returned: when it was run
  type: int
log:
  description: The last lines of its output.
  returned: when it was run
  type: list
  elements: str
started_at:
  description: When it began, in seconds since the epoch.
  returned: when it was run
  type: float
duration_seconds:
  description: How long it took.
  returned: when it was run
  type: float
release_id:
  description: Release that it was run from.
  returned: always
  type: str
version:
  description: Commit of that release.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.job is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
