#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: git
short_description: Stage a commit as a release
version_added: 0.1.0
description:
  - "Fetches the commit into a bare mirror on the host and exports it into C(releases/<id>), which appears complete or not at all."
  - "With O(push) the mirror is on the controller, which sends the export to the hosts."
  - "C(git archive) makes the export, so C(export-ignore) and C(export-subst) count."
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
  release_id:
    description: "Id of the release, such as C(20261122T015600Z-0123456789ab-k3f9qa)."
    type: str
    required: true
  version:
    description: "Commit the release is made from, 40 or 64 hex digits."
    type: str
    required: true
  repo:
    description: "Absolute path, C(user@host:path), or a file, git, http, https or ssh URL. Credentials in an http URL never reach an argv."
    type: str
    required: true
  target:
    description: "Name for the release's manifest."
    type: str
    default: ""
  submodules:
    description: "Export submodules too."
    type: bool
    default: false
  shared:
    description: "Paths in the release that link into C(shared/); a slash at the end says folder."
    type: list
    elements: str
    default: []
  timeout_seconds:
    description: "Time for the whole fetch."
    type: int
    default: 300
  push:
    description: "The controller fetches the commit, once for all hosts, and sends it: hosts need no way to the repository, and no git."
    type: bool
    default: false
  cache:
    description: "With O(push): folder of the controller for a mirror and archives, absolute. Empty: in the user's cache folder."
    type: path
    default: ""
  environment:
    description: "Environment of git. The values travel over stdin and are never returned."
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Stage the release
  fraisier.deploy.git:
    app_path: /srv/my_api
    release_id: 20261122T015600Z-0123456789ab-k3f9qa
    version: 0123456789abcdef0123456789abcdef01234567
    repo: https://git.example.com/team/my_api.git
    shared: [storage/]
"""

RETURN = r"""
release_id:
  description: "The release."
  returned: always
  type: str
  sample: "20261122T015600Z-0123456789ab-k3f9qa"
version:
  description: "Its commit."
  returned: always
  type: str
  sample: "0123456789abcdef0123456789abcdef01234567"
release_path:
  description: "Where it lies."
  returned: always
  type: str
  sample: "/srv/my_api/releases/20261122T015600Z-0123456789ab-k3f9qa"
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.git is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
