#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: runs
short_description: Records of the runs of jobs
version_added: 0.1.0
description:
  - "Reads what jobs that were run by the clock have left on a host: when each run began and ended, how, and its last lines. Records that
    are older than C(keep_days) are removed."
  - Done by an action plugin with one POSIX shell script per host; the host needs no Python.
author:
  - Fraisier authors (@fraiseql)
attributes:
  check_mode:
    description: Can run in check mode; then nothing is removed.
    support: full
  diff_mode:
    description: Tells what changes in diff mode.
    support: none
options:
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  since:
    description: Only runs that ended after this moment, in seconds since the epoch.
    type: int
    default: 0
  keep_days:
    description: How long records stay on the host.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: What has run since yesterday
  fraisier.deploy.runs:
    app_path: /srv/reports
    since: 1767225600
"""

RETURN = r"""
runs:
  description: "The runs, the oldest first: C(job), C(invocation), C(begun) and C(ended) in seconds since the epoch, C(result) as systemd
    calls it, C(status), C(release_id), C(version), C(log)."
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.runs is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
