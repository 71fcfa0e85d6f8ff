#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jobs
short_description: Units of jobs that run by the clock
version_added: 0.1.0
description:
  - "Writes a service and, with a calendar, a timer of systemd for each job, keeps them in the current release, and removes those of
    jobs that are gone. Calendars are checked by C(systemd-analyze calendar) before anything is put where systemd looks. Every run of
    a job leaves a record below C(.fraisier/runs) of the application."
  - Done by an action plugin with one POSIX shell script per host; the host needs no Python.
author:
  - Fraisier authors (@fraiseql)
attributes:
  check_mode:
    description: Can run in check mode and tell what would change.
    support: full
  diff_mode:
    description: Tells what changes in diff mode.
    support: none
options:
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  state:
    description: "V(present) writes the given jobs; V(restored) brings back those of the current release; V(absent) removes all; V(checked)
      only looks whether every timer is active."
    type: str
    choices: [present, restored, absent, checked]
    default: present
  prefix:
    description: How the names of the units begin.
    type: str
    required: true
  jobs:
    description: "The jobs by name: C(command), or C(backup) with the arguments of M(fraisier.deploy.backup) save C(app_path) and
      C(state); C(on_calendar), C(depends_on), C(environment), C(timeout_seconds), C(jitter_seconds),
      C(persistent)."
    type: dict
  description:
    description: Description in the units.
    type: str
  scope:
    description: The system's systemd, or the user's own.
    type: str
    choices: [system, user]
    default: system
  user:
    description: User that the jobs run as, in the system's scope.
    type: str
  group:
    description: Their group.
    type: str
  options:
    description: More settings of the units' [Service] section.
    type: dict
  environment:
    description: Environment of all jobs. May hold secrets.
    type: dict
  require:
    description: With O(state=checked), fail when a timer is not active.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Report every night
  fraisier.deploy.jobs:
    app_path: /srv/reports
    prefix: reports
    jobs:
      nightly:
        command: [venv/bin/python, report.py]
        on_calendar: ["*-*-* 02:00:00"]
"""

RETURN = r"""
timers:
  description: Each timer with its state and its next moment.
  returned: when they were looked at
  type: list
  elements: str
removed:
  description: Units that were removed.
  returned: always
  type: list
  elements: str
healthy:
  description: Whether every timer is the one of this release, and active.
  returned: when they were looked at
  type: bool
evidence:
  description: What that was seen by.
  returned: when they were looked at
  type: str
  sample: timers
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.jobs is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
