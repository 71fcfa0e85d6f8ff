#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Make a release of what has no repository
version_added: 0.1.0
description:
  - "Makes the folder of a release with its version in it. What belongs to the release, such as units of jobs, is put there by others."
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
    description: Folder of the application on the host, absolute.
    type: path
    required: true
  release_id:
    description: Id of the release, which names its folder.
    type: str
    required: true
  version:
    description: "What it is made from, as 40 or 64 hexadecimal digits: the hash of its settings."
    type: str
    required: true
  target:
    description: What is deployed, for people.
    type: str
"""

EXAMPLES = r"""
- name: Make a release
  fraisier.deploy.release:
    app_path: /var/lib/shop-backup
    release_id: 20260101T000000Z-0123456789ab-000001
    version: 0123456789abcdef0123456789abcdef01234567
"""

RETURN = r"""
release_id:
  description: Id of the release.
  returned: always
  type: str
version:
  description: Its version.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.release is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
