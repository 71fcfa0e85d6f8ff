#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replace
short_description: Replace a database by an empty one or by a copy, once per release
version_added: 0.1.0
description:
  - "Makes a database beside the one that serves, empty or of a copy, and swaps the two. What served before is kept until a later release
    has proven itself, and serves again with V(undone)."
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
    description: "Folder of the application on the host, absolute: the notes on what was replaced are in it."
    type: path
    required: true
  release_id:
    description: "Id of the release for which the database is replaced: at most once."
    type: str
    required: true
  good:
    description: "Id of the release that is known to hold, if there is one. What releases after it have replaced is put back first: they
      did not come to their end."
    type: str
    default: ""
  state:
    description: "V(present) replaces the database. V(undone) lets the one serve again that did before this release. V(settled) removes
      those that were kept for releases before this one."
    type: str
    choices: [present, undone, settled]
    default: present
  by:
    description: "V(nothing) for an empty database, V(copy) for the newest good one of C(copies)."
    type: str
    choices: [nothing, copy]
    default: nothing
  source:
    description: "The database, a mapping as M(fraisier.deploy.backup) takes it: PostgreSQL or SQLite."
    type: dict
    required: true
  copies:
    description: "Which copies, for V(copy), a mapping: C(name) and C(destination) as M(fraisier.deploy.backup) takes them, and C(at), a
      moment in UTC: the newest good copy up to then."
    type: dict
    default: {}
  bin_dir:
    description: "Folder of the interpreter that locks the database, relative to the release; else one is found on PATH."
    type: str
    default: ""
  maintenance_database:
    description: "Database of the same server to connect to while names change."
    type: str
    default: postgres
  environment:
    description: "Environment of the tools by name. May hold secrets: they travel over stdin and are never printed."
    type: dict
    default: {}
  timeout_seconds:
    description: "Longest time for all of it."
    type: int
    default: 3600
  lock_timeout_seconds:
    description: "Longest wait for a migration in this folder, and then of this database."
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Begin with an empty database
  fraisier.deploy.replace:
    app_path: /srv/my_api
    release_id: 20261122T015600Z-0123456789ab-k3f9qa
    source:
      url: postgresql:///my_api
"""

RETURN = r"""
replaced:
  description: "Whether what serves now is what this release has put there; null where that is not known."
  returned: always
  type: bool
  sample: true
database:
  description: "What was, or would be, replaced: the name of a database, or its file."
  returned: always
  type: str
  sample: my_api
before:
  description: "Where that is kept which served before: the name of a database, or of a file. Empty where there was none."
  returned: always
  type: str
  sample: my_api_before_20261122T015600Z_k3f9qa
copy:
  description: "The copy that took its place, by its moment in UTC."
  returned: always
  type: str
  sample: 20261122T030000Z
undone:
  description: "Releases that did not come to their end, and whose database was put back first."
  returned: always
  type: list
  sample: []
removed:
  description: "Databases that were kept for earlier releases, and are not any more."
  returned: always
  type: list
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.replace is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
