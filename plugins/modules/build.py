#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: build
short_description: Run the install commands of a release
version_added: 0.1.0
description:
  - "Runs the commands in order inside the release, once per set of commands."
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
  release_id:
    description: "Id of the release, such as C(20261122T015600Z-0123456789ab-k3f9qa)."
    type: str
    required: true
  version:
    description: "Commit the release is made from, 40 or 64 hex digits."
    type: str
    required: true
  commands:
    description: "A text is run by C(sh), a list is a program with its arguments."
    type: list
    elements: raw
    default: []
  environment:
    description: "Environment of the commands. The values travel over stdin and are never returned."
    type: dict
    default: {}
  timeout_seconds:
    description: "Time for all commands together."
    type: int
    default: 900
"""

EXAMPLES = r"""
- name: Build the release
  fraisier.deploy.build:
    app_path: /srv/my_api
    release_id: 20261122T015600Z-0123456789ab-k3f9qa
    version: 0123456789abcdef0123456789abcdef01234567
    commands:
      - python3 -m venv venv
      - [venv/bin/pip, install, "."]
"""

RETURN = r"""
release_id:
  description: "The release."
  returned: always
  type: str
  sample: "20261122T015600Z-0123456789ab-k3f9qa"
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.build is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
