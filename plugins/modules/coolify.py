#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: coolify
short_description: Deploy an application by the API of a Coolify server
version_added: 0.1.0
description:
  - "Pins an application of Coolify (version 4) to a commit, asks for a deployment and follows it to its end. It is good when the API says
    that exactly this deployment has finished, and that it is of this commit. A server that is away for a while is waited for."
  - "The commit of a deployment is told by its field C(commit), or by its log: where a commit is pinned, some versions of Coolify give the
    newest commit of the branch in that field. The log needs a token with C(read:sensitive)."
  - Done by an action plugin on the controller, which asks the API; no host takes part.
author:
  - Fraisier authors (@fraiseql)
attributes:
  check_mode:
    description: Can run in check mode; then the API is only asked for what there is.
    support: full
  diff_mode:
    description: Tells what changes in diff mode.
    support: none
options:
  url:
    description: "Address of the server, without C(/api/v1)."
    type: str
    required: true
  token:
    description: "Token that may read, write and deploy. It is sent to the API alone; redirects are not followed."
    type: str
    required: true
  application:
    description: Uuid of the application.
    type: str
    required: true
  version:
    description: "Commit, with all its digits; needed to deploy."
    type: str
  release_id:
    description: "Id of the release; a deployment of the commit that is newer, and holds, is left alone."
    type: str
  state:
    description: "C(looked) tells what there is; C(deployed) deploys; C(checked) asks whether the newest deployment has finished, is of this
      commit, and is C(deployment_uuid); C(absent) cancels what is under way by the API, stops the application and lets its commit go;
      C(ended) only cancels."
    type: str
    choices: [looked, deployed, checked, absent, ended]
    default: deployed
  deployment_uuid:
    description: The deployment that C(checked) expects.
    type: str
  force_rebuild:
    description: "Build without Coolify's cache, also a commit that was built before."
    type: bool
    default: false
  poll_seconds:
    description: Pause between two questions.
    type: float
    default: 3
  timeout_seconds:
    description: "Time for one deployment, waiting in Coolify's queue included; then it is cancelled there."
    type: float
    default: 1800
  once:
    description: "Ask once and only tell: what is wrong is a result, not a failure."
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Deploy a commit
  fraisier.deploy.coolify:
    url: https://coolify.example.com
    token: "{{ coolify_token }}"
    application: wk8c4g0oscg8wsks4ggw0w8k
    version: 0123456789abcdef0123456789abcdef01234567
"""

RETURN = r"""
deployment_uuid:
  description: "The deployment in Coolify; empty for none."
  returned: when deployed or checked
  type: str
  sample: vo8ss0c
status:
  description: "How it stands there: C(queued), C(in_progress), C(finished), C(failed) or C(cancelled-by-user)."
  returned: when deployed or checked
  type: str
  sample: finished
commit:
  description: Commit that Coolify gives for it.
  returned: when deployed or checked
  type: str
  sample: 0123456789abcdef0123456789abcdef01234567
proof:
  description: "What shows that it is of the commit that was asked for: C(commit), C(log) or nothing."
  returned: when deployed or checked
  type: str
  sample: commit
release_id:
  description: "The release whose commit is proven; empty for none."
  returned: when deployed or checked
  type: str
  sample: 20261122T015600Z-0123456789ab-k3f9qa
healthy:
  description: Whether the newest deployment is the expected one.
  returned: when checked
  type: bool
  sample: true
current_version:
  description: Commit of the newest deployment that has finished.
  returned: when looked
  type: str
  sample: 0123456789abcdef0123456789abcdef01234567
findings:
  description: "What was looked at: C(check), C(state) (ok, warning or problem), C(message), C(hint)."
  returned: when looked
  type: list
  elements: dict
cancelled:
  description: Deployments that were cancelled.
  returned: when ended
  type: list
  elements: str
  sample: []
log:
  description: Last lines of a deployment that is not good.
  returned: on failure, where the token may read them
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.coolify is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
