#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: Remove old releases
version_added: 0.1.0
description:
  - "Keeps the current release, the protected ones and the newest ones up to a number. Bad releases go first. Follows no symbolic links."
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
  keep:
    description: "How many releases to keep."
    type: int
    default: 5
  protect:
    description: "Releases that are never removed."
    type: list
    elements: str
    default: []
  compose:
    description: "The compose project whose images go with the releases that used them: C({project: NAME, command: [WORDS]})."
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Remove old releases
  fraisier.deploy.prune:
    app_path: /srv/my_api
    keep: 5
"""

RETURN = r"""
removed:
  description: "What was removed."
  returned: always
  type: list
  sample: []
images_removed:
  description: "Names of images that no release uses any more."
  returned: always
  type: list
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.prune is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
