#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stop
short_description: End what an earlier run still does on a host
version_added: 0.1.0
description:
  - "A run that was cancelled, timed out or killed leaves the command behind that it had started on a host. This ends it: first
    SIGTERM, after five seconds SIGKILL. What it may end is known by the variable C(fraisier_fence), which a run of Fraisier carries;
    without it nothing is done."
  - Done by an action plugin with one POSIX shell script per host; the host needs no Python.
author:
  - Fraisier authors (@fraiseql)
attributes:
  check_mode:
    description: Can run in check mode; then nothing is ended.
    support: full
  diff_mode:
    description: Tells what changes in diff mode.
    support: none
options:
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  job:
    description: The job whose run is ended, instead of a deployment.
    type: str
"""

EXAMPLES = r"""
- name: End what the cut off run still does
  fraisier.deploy.stop:
    app_path: /srv/my_api
"""

RETURN = r"""
stopped:
  description: Process ids that were ended.
  returned: always
  type: list
  elements: int
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.stop is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
