#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migrate
short_description: Migrate a database by the tool of the application
version_added: 0.1.0
description:
  - "Runs the application's own migration tool inside a release, and tells what the database was at before and after, also when it failed."
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
    default: ""
  tool:
    description: "Migration tool."
    type: str
    choices: [alembic, command, confiture, django, flask_migrate]
    required: true
  state:
    description: "V(latest) applies what is pending, V(at) goes to O(target), V(status) only looks."
    type: str
    choices: [latest, at, status]
    default: latest
  target:
    description: "Version to go to; empty or V(base) is the empty database."
    type: str
    default: ""
  directory:
    description: "Release to run in, by id or path. The default is O(release_id)."
    type: str
    default: ""
  bin_dir:
    description: "Folder of the tool, relative to the release."
    type: str
    default: ""
  config:
    description: "Configuration of the tool, relative to the release; for V(django) its manage.py."
    type: str
    default: ""
  migrations_dir:
    description: "Folder of the migrations, for tools that ask for it."
    type: str
    default: ""
  environment:
    description: "Environment of the commands. The values travel over stdin and are never returned."
    type: dict
    default: {}
  commands:
    description: "C(current), C(pending), C(up) and C(down) of the tool V(command), each a text or a list."
    type: dict
    default: {}
  pending_rc:
    description: "Exit code by which C(pending) says that something is pending; 0 means that any output says so."
    type: int
    default: 1
  allow_database_ahead:
    description: "Go on when the database is newer than the code."
    type: bool
    default: false
  extra_args:
    description: "Arguments for the tool, before its subcommand."
    type: list
    elements: str
    default: []
  url_variable:
    description: "Environment variable that has the address of the database: it is locked while it is migrated."
    type: str
    default: DATABASE_URL
  database:
    description: "Alias of the database, for V(django)."
    type: str
    default: ""
  explain:
    description: "Also tell what pending migrations would do: RV(changes)."
    type: bool
    default: false
  timeout_seconds:
    description: "Time for the migration."
    type: int
    default: 600
  lock_timeout_seconds:
    description: "Time to wait for another migration in this folder, and then of this database."
    type: int
    default: 60
  repo:
    description: "Repository of the release. Check mode then looks at the commit before the release is there."
    type: str
    default: ""
  push:
    description: "The host cannot fetch: for that look the controller fetches the commit and sends it, as in M(fraisier.deploy.git)."
    type: bool
    default: false
  submodules:
    description: "With O(push): send submodules too."
    type: bool
    default: false
  cache:
    description: "With O(push): folder of the controller for archives, as in M(fraisier.deploy.git)."
    type: path
    default: ""
  bound:
    description: "Migrate only what O(planned) names, or fail before anything is migrated."
    type: bool
    default: false
  planned:
    description: "What a plan has found to be pending, in order."
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Migrate the database
  fraisier.deploy.migrate:
    app_path: /srv/my_api
    release_id: 20261122T015600Z-0123456789ab-k3f9qa
    tool: alembic
    bin_dir: venv/bin
    environment:
      DATABASE_URL: "{{ database_url }}"
  run_once: true
"""

RETURN = r"""
before:
  description: "What the database was at; null when the tool cannot tell."
  returned: always
  type: str
  sample: "ae1027a6acf1"
after:
  description: "What it is at now."
  returned: always
  type: str
  sample: "ae1027a6acf1"
pending:
  description: "What was pending."
  returned: always
  type: list
  sample: []
known:
  description: "Whether the tool could say what is pending; check mode may be too early for it."
  returned: always
  type: bool
  sample: true
applied:
  description: "What was applied."
  returned: always
  type: list
  sample: []
rolled_back:
  description: "What was rolled back."
  returned: always
  type: list
  sample: []
database_ahead:
  description: "What the database has and the code does not know."
  returned: always
  type: list
  sample: []
reversible:
  description: "Whether there is a way back."
  returned: always
  type: bool
  sample: true
retriable:
  description: "Whether a failure may pass when tried again."
  returned: always
  type: bool
  sample: false
irreversible:
  description: "Whether a way back failed since a migration has none."
  returned: always
  type: bool
  sample: false
changes:
  description: "What pending migrations would do: C(name), C(sql), C(grades) of a tool that grades, and why one is C(stuck)."
  returned: with O(explain)
  type: list
  elements: dict
  sample: []
dialect:
  description: "Kind of the database, from its address."
  returned: with O(explain)
  type: str
  sample: postgresql
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.migrate is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
