"""Makes a bare server ready for deployments: user, key, folder, sudo rule or lingering; one exec per host, as root."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import USER, ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome

KEY = re.compile(r"(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [^\n]*)?")
TOOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
# useradd takes no others; in a sudo rule, more characters would have a meaning.
ACCOUNT = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")


def sudo_rule(user: str, become: Sequence[str]) -> str:
    """What Ansible's sudo runs is a shell that reads the work from its input; a finer rule than that shell cannot be."""
    if not become:
        return ""
    return "\n".join([
        "# Written by Fraisier; changes are overwritten. Its work on this host is shell scripts, which sudo gives to a shell:",
        "# who may log in with this user's key may do whatever root may.",
        f"Defaults:{user} !requiretty",
        f"{user} ALL=({','.join(become)}) NOPASSWD: /bin/sh",
    ])  # fmt: skip


class ActionModule(ScriptAction):
    CHANGES = False  # there is no release yet that a fence could stand before

    def perform(self, arguments: Arguments) -> Result:
        user = arguments.text("user", required=True, pattern=ACCOUNT)
        become = arguments.lines("sudo_users", USER)
        keys = arguments.lines("authorized_keys", KEY)
        rule = sudo_rule(user, become)
        tools = [*arguments.lines("tools", TOOL), *(["sudo"] if rule else [])]
        parts = [
            shell.assign("user", user),
            shell.assign_lines("keys", keys),
            shell.assign("accounts", " ".join(arguments.lines("accounts", ACCOUNT))),
            shell.assign("app_path", arguments.app_path()),
            shell.assign("owner", arguments.text("owner", user, pattern=ACCOUNT)),
            shell.assign("sudo_rule", rule),
            shell.assign("sudo_user", become[0] if become else ""),
            shell.assign("linger", arguments.boolean("linger")),
            shell.assign("tools", " ".join(tools)),
            shell.assign("packages", " ".join(["ca-certificates", *tools])),
            shell.assign("install", arguments.boolean("install")),
        ]
        arguments.finish()
        if user == "root":
            raise ArgumentError("user must not be root: deployments need a user of their own")
        answer = self.ask(["bootstrap"], parts)
        result = {**outcome(answer), "did": answer.lines("did"), "missing": answer.lines("missing"), "user": user}
        if self.wants_diff and result["changed"]:
            result["diff"] = [{"prepared": "".join(f"{text}\n" for text in result["did"])}]
            if f"let {user} use sudo" in result["did"]:
                file, before = answer.text("rule_file"), answer.text("rule_before")
                heads = {"before_header": file, "after_header": file}
                result["diff"].append({**heads, "before": f"{before}\n" if before else "", "after": f"{rule}\n"})
        return result
