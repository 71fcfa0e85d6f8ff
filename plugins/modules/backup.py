#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Copy a database or files, and verify the copy
version_added: 0.1.0
description:
  - "Makes a copy on the host, reads it again to prove that it is whole, gives it its name only then, and removes old copies."
  - "The newest good copy is never removed."
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
        are; C(min_tables) how many tables a good copy has at least; with C(may_be_missing), an
        SQLite database that is not there yet is no failure."
    type: dict
    required: true
  destination:
    description:
      - "Where the copies are kept, a mapping: C(path), a folder; C(host), where it is one of another host, with C(port), and with
        C(ssh_key) and C(known_hosts), files of the host that makes the copies; C(bucket), where it is in S3, with C(endpoint),
        C(region), C(access_key), C(secret_key); C(password), which V(files) are encrypted with; C(compress), V(true) unless given."
    type: dict
    required: true
  retention:
    description:
      - "Which copies stay, a mapping of numbers: C(keep_last) newest ones, 7 unless given, and the last ones of C(keep_daily) days,
        C(keep_weekly) weeks, C(keep_monthly) months; none that is older than C(max_age_days), 0 for no limit."
    type: dict
    default: {}
  state:
    description: "V(taken) makes a copy; V(verified) reads the newest one again and fails when it is not good; V(ready) makes none,
      and only looks whether the source answers, the tools are there, and copies could be kept."
    type: str
    choices: [taken, verified, ready]
    default: taken
  reuse_seconds:
    description: "With a good copy that is not older than this, that one is verified and none is made."
    type: int
    default: 0
  max_age_seconds:
    description: "With V(verified), the newest copy must not be older than this; 0 is no limit."
    type: int
    default: 0
  environment:
    description: "Environment of the tools by name. May hold secrets: they travel over stdin and are never printed."
    type: dict
    default: {}
  timeout_seconds:
    description: "Longest time for all of it."
    type: int
    default: 3600
  lock_timeout_seconds:
    description: "Longest wait for another backup on this host."
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Copy the database
  fraisier.deploy.backup:
    app_path: /srv/my_api
    name: my_api-production
    source:
      url: postgresql:///my_api
    destination:
      path: /var/backups/fraisier
"""

RETURN = r"""
healthy:
  description: "A copy could be made: the source answers, and copies can be kept."
  returned: with O(state=ready)
  type: bool
  sample: true
copy:
  description: "The copy, by its moment in UTC."
  returned: always
  type: str
  sample: 20261122T030000Z
verified:
  description: "The host has read the copy as a whole and found it good."
  returned: always
  type: bool
  sample: true
taken:
  description: "It was made now."
  returned: always
  type: bool
  sample: true
missing:
  description: "There is no database yet, and the source says that it may be missing: nothing was copied."
  returned: always
  type: bool
  sample: false
place:
  description: "Where the copies are."
  returned: always
  type: str
  sample: /var/backups/fraisier/my_api-production
files:
  description: "How many files and folders the copy has, for V(files)."
  returned: success
  type: int
  sample: 120
tables:
  description: "How many tables are in it."
  returned: always
  type: int
  sample: 12
bytes:
  description: "Its size."
  returned: when it was made now
  type: int
  sample: 73728
sha256:
  description: "Checksum over the checksums of its files."
  returned: always
  type: str
  sample: ""
copies:
  description: "Good copies that are kept."
  returned: always
  type: list
  sample: [20261122T030000Z]
removed:
  description: "Copies that went."
  returned: always
  type: list
  sample: []
bad:
  description: "Copies that were found not to be good; they are kept aside and no longer counted."
  returned: always
  type: list
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.backup is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
