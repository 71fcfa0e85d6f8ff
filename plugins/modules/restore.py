#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Bring back a copy that M(fraisier.deploy.backup) made
version_added: 0.1.0
description:
  - "Reads a copy into a database of its own beside the one that serves, verifies it there, and swaps the two. What served before is kept."
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
    description: "Folder on the host for locks and notes, absolute: the application's, where there is one."
    type: path
    required: true
  name:
    description: "Keeps these copies apart from others in the same place: the name of their folder."
    type: str
    required: true
  source:
    description:
      - "What is copied, a mapping."
      - "C(kind) is V(postgresql), V(sqlite) or V(files), needed where C(url) does not say it; C(url) is the address of the database,
        which may be a secret; C(database) its name; C(path) the database file of SQLite; C(paths) and C(exclude) are of V(files)."
      - "C(format) of pg_dump is V(custom) or V(directory), and C(jobs) how many tables it copies at once; C(bin_dir) is where the tools
        are; C(min_tables) how many tables a good copy has at least."
    type: dict
    required: true
  destination:
    description:
      - "Where the copies are kept, a mapping: C(path), a folder; C(host), where it is one of another host, with C(port), and with
        C(ssh_key) and C(known_hosts), files of the host that makes the copies; C(bucket), where it is in S3, with C(endpoint),
        C(region), C(access_key), C(secret_key); C(password), which V(files) are encrypted with; C(compress), V(true) unless given."
    type: dict
    required: true
  state:
    description: "V(present) brings the copy back, V(listed) only says which copies there are."
    type: str
    choices: [present, listed]
    default: present
  at:
    description: "A moment in UTC, such as V(20261122T030000Z): the newest good copy up to then. The default is the newest of all."
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
    description: "Longest wait for another backup or restore on this host."
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Bring the database back
  fraisier.deploy.restore:
    app_path: /srv/my_api
    name: my_api-production
    source:
      url: postgresql:///my_api
    destination:
      path: /var/backups/fraisier
    at: 20261122T030000Z
"""

RETURN = r"""
copy:
  description: "The copy that was chosen, by its moment in UTC."
  returned: always
  type: str
  sample: 20261122T030000Z
verified:
  description: "The host has read the copy as a whole and found it good."
  returned: always
  type: bool
  sample: true
restored:
  description: "What serves is now what the copy holds."
  returned: always
  type: bool
  sample: true
before:
  description: "Where that is kept which served before: the name of a database, or of a file. Empty where there was none."
  returned: always
  type: str
  sample: my_api_before_20261122T030512Z
tables:
  description: "How many tables came back."
  returned: always
  type: int
  sample: 12
copies:
  description: "Good copies that there are."
  returned: always
  type: list
  sample: [20261122T030000Z]
bad:
  description: "The copy, when it was found not to be good; it is kept aside and no longer counted."
  returned: always
  type: list
  sample: []
place:
  description: "Where the copies are."
  returned: always
  type: str
  sample: /var/backups/fraisier/my_api-production
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.restore is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
