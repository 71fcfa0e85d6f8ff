#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lb
short_description: Take a server out of a load balancer, or put it back in
version_added: 0.1.0
description:
  - "Runs on the load balancer: delegate the task to it. What the balancer itself says afterwards is the result."
  - "HAProxy is told through its admin socket. For nginx a file with the servers of an upstream is written, tested and loaded."
  - Done by an action plugin with one POSIX shell script; the balancer needs no Python (for HAProxy socat, python3 or perl).
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
    description: "Folder on the balancer for Fraisier's note on whose turn it is."
    type: path
    required: true
  manager:
    description: "What balances."
    type: str
    choices: [haproxy, nginx]
    required: true
  state:
    description:
      - "V(drained) waits until open requests have ended, at most O(drain_seconds)."
      - "V(attached) waits until HAProxy's own check passes before the server is used, or until nginx has loaded its configuration."
      - "V(seen) changes nothing and fails when the balancer does not know the server."
    type: str
    choices: [drained, attached, seen]
    required: true
  server:
    description: "The server's name in HAProxy's backend, or for nginx its address and port."
    type: str
    required: true
  replaces:
    description: "Servers to drain once O(server) is attached."
    type: list
    elements: str
    default: []
  instead:
    description: "With O(state=drained): a server that is used again first, if it is up, should this one be in use: somebody must serve."
    type: str
    default: ""
  drain_seconds:
    description: "Longest wait for open requests to end; what is open then is only warned about."
    type: float
    default: 10
  up_seconds:
    description: "Longest wait until the server is in use."
    type: float
    default: 30
  backend:
    description: "HAProxy's backend; needed when O(manager=haproxy)."
    type: str
    default: ""
  socket:
    description: "HAProxy's socket, with C(level admin)."
    type: path
    default: /run/haproxy/admin.sock
  upstream_file:
    description: "File for the servers of an nginx upstream; needed when O(manager=nginx). Changes of others are overwritten."
    type: path
    default: ""
  servers:
    description: "All servers of the nginx upstream; one that the file does not list yet stays out until it is attached."
    type: list
    elements: str
    default: []
  server_options:
    description: "Parameters of each server of the nginx upstream."
    type: str
    default: ""
  command:
    description: "How nginx is called, a text or a list; C(-T), C(-V) and C(-s reload) are added."
    type: raw
    default: nginx
"""

EXAMPLES = r"""
- name: Take the host out of HAProxy
  fraisier.deploy.lb:
    app_path: /srv/my_api
    manager: haproxy
    state: drained
    backend: my_api
    server: "{{ inventory_hostname }}"
  delegate_to: lb1
"""

RETURN = r"""
server:
  description: "The server."
  returned: always
  type: str
  sample: web1
balancer:
  description: "The host that the task was delegated to."
  returned: always
  type: str
  sample: lb1
before:
  description: "What the balancer said when we came: attached, drained or down."
  returned: success
  type: str
  sample: attached
state:
  description: "What the balancer says now."
  returned: success
  type: str
  sample: drained
connections:
  description: "Requests that are still open (HAProxy), or workers that still have some (nginx)."
  returned: success
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.lb is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
