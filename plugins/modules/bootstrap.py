#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bootstrap
short_description: Make a bare server ready for deployments
version_added: 0.1.0
description:
  - "Makes the user that deploys, authorizes its keys, makes the folder of the application, and either lets the user use sudo or lets its
    services run while it is not logged in. Takes nothing away but a sudo rule of its own that is no longer wanted."
  - Done as root, by an action plugin with one POSIX shell script per host; the host needs no Python.
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
  user:
    description: "User that deployments log in as; not root."
    type: str
    required: true
  authorized_keys:
    description: "Public keys that may log in as that user; others stay."
    type: list
    elements: str
    default: []
  accounts:
    description: "System accounts that must be there, such as the one that a service runs as."
    type: list
    elements: str
    default: []
  app_path:
    description: "Folder of the application on the host, absolute."
    type: path
    required: true
  owner:
    description: "Who the folder belongs to. The default is O(user)."
    type: str
  sudo_users:
    description: "Users as which O(user) may run a shell through sudo, without a password; none takes the rule away. The rule is checked
      by visudo before it is installed, and tried afterwards."
    type: list
    elements: str
    default: []
  linger:
    description: "Let services of O(user) run while it is not logged in."
    type: bool
    default: false
  tools:
    description: "Programs that must be on the host."
    type: list
    elements: str
    default: []
  install:
    description: "Install programs that are missing, by apt-get; otherwise they are only told."
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Make the server ready
  fraisier.deploy.bootstrap:
    user: deploy
    authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ deploy@ci"]
    app_path: /srv/my_api
    sudo_users: [root]
  become: true
"""

RETURN = r"""
did:
  description: "What was changed, or would be, in sentences."
  returned: always
  type: list
  sample: ["create user deploy"]
missing:
  description: "Programs that are not on the host."
  returned: always
  type: list
  sample: []
user:
  description: "User that deployments log in as."
  returned: always
  type: str
  sample: "deploy"
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(
        msg="fraisier.deploy.bootstrap is an action plugin: call it by this name in a task, not as a module"
    )


if __name__ == "__main__":
    main()
