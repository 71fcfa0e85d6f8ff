#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: activate
short_description: Make a release the current one
version_added: 0.1.0
description:
  - "Swaps the symbolic link C(current) in one rename."
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
    description: "Release to activate; needed unless O(state=absent)."
    type: str
    default: ""
  state:
    description:
      - "V(absent) takes the link away."
      - "With O(blue_green), V(present) gives the release to the instance that does not serve."
      - "V(live) then makes that one the one that serves."
    type: str
    choices: [present, live, absent]
    default: present
  bad_release_id:
    description: "Release to mark as bad."
    type: str
    default: ""
  allow_bad:
    description: "Activate a release although it is marked as bad, and take the mark away."
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Activate the release
  fraisier.deploy.activate:
    app_path: /srv/my_api
    release_id: 20261122T015600Z-0123456789ab-k3f9qa
"""

RETURN = r"""
release_id:
  description: "The current release."
  returned: always
  type: str
  sample: "20261122T015600Z-0123456789ab-k3f9qa"
previous_release_id:
  description: "What was current when we came."
  returned: always
  type: str
  sample: ""
color:
  description: "With O(blue_green): the instance of the release, blue or green."
  returned: always
  type: str
  sample: green
is_live:
  description: "With O(blue_green): whether that instance served already when we came."
  returned: always
  type: bool
  sample: false
activated_at:
  description: "When it was activated, in seconds since the epoch by the host's clock."
  returned: always
  type: float
  sample: 1795312560.25
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(
        msg="fraisier.deploy.activate is an action plugin: call it by this name in a task, not as a module"
    )


if __name__ == "__main__":
    main()
