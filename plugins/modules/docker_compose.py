#!/usr/bin/python
# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_compose
short_description: Run the services of a compose file
version_added: 0.1.0
description:
  - "Gets the images of a release and keeps its containers running, with docker compose or podman's front end."
  - "Images are held by tags of the release's own: going back does not depend on what a tag means by then."
  - "Waits until each container runs the image of its release and is healthy where it can tell."
  - "One that does not come up fails with its last lines."
  - Done by an action plugin with one POSIX shell script per host; the host needs no Python of Ansible's.
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
  state:
    description: "V(built) gets the images of a release, V(restarted) runs those of the current one, V(stopped) removes them."
    type: str
    choices: [built, restarted, stopped]
    default: restarted
  release_id:
    description: "Id of the release whose images are wanted."
    type: str
    default: ""
  version:
    description: "Commit of the release. Required unless O(state=stopped)."
    type: str
    default: ""
  project:
    description: "Name of the compose project."
    type: str
    required: true
  file:
    description: "The compose file, relative to the release."
    type: str
    default: compose.yaml
  command:
    description: "The front end in words, as C([docker, compose]). Empty: found on the host."
    type: raw
    default: []
  pull:
    description: "Pull images that are on the host already, too."
    type: bool
    default: true
  build:
    description: "Build the images of services that have C(build)."
    type: bool
    default: false
  one_shot:
    description: "Services that may end, with exit code 0."
    type: list
    elements: str
    default: []
  environment:
    description: "Environment for compose."
    type: dict
    default: {}
  timeout_seconds:
    description: "Time for pulling and building, together."
    type: int
    default: 900
  start_timeout_seconds:
    description: "Time the containers have to come up and be healthy."
    type: int
    default: 120
  stop_timeout_seconds:
    description: "Time a container has to end."
    type: int
    default: 10
  settle_seconds:
    description: "How long the same containers must stay up."
    type: float
    default: 1
  log_lines:
    description: "How many last lines of a container a failure shows."
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Get the images of a release
  fraisier.deploy.docker_compose:
    app_path: /srv/shop
    project: shop
    release_id: 20261122T101500Z-4be1a90c2f31-k3f9qa
    version: 4be1a90c2f3100000000000000000000000000aa
    state: built
"""

RETURN = r"""
images:
  description: "Service, image id, name and registry digest of each image of the release."
  returned: O(state=built)
  type: list
  sample: []
state:
  description: "What the containers do now."
  returned: otherwise
  type: str
  sample: running
log:
  description: "Last lines of the containers that are not as they should be."
  returned: when they did not come up
  type: list
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Reached only when the action plugin was not found: then nothing may be done."""
    module = AnsibleModule(argument_spec={}, bypass_checks=True, supports_check_mode=True)
    module.fail_json(msg="fraisier.deploy.service is an action plugin: call it by this name in a task, not as a module")


if __name__ == "__main__":
    main()
