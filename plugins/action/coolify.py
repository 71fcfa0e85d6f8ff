"""Deploys an application by the API of a Coolify server, asked by the controller; no host takes part."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils import coolify
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import COMMIT, ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.coolify import FINISHED, Deployment
from ansible_collections.fraisier.deploy.plugins.plugin_utils.coolify_api import Api, ApiError
from ansible_collections.fraisier.deploy.plugins.plugin_utils.coolify_follow import Follower
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction

STATES = ("looked", "deployed", "checked", "absent", "ended")
UUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#@]*)?")
TOKEN = re.compile(r"[\x21-\x7e]+")
PATIENCE_SECONDS = 60.0
"""So long the API may be away where nothing is being followed."""


class ActionModule(ScriptAction):
    CHANGES = False

    def perform(self, arguments: Arguments) -> Result:
        state = arguments.choice("state", STATES, "deployed")
        url = arguments.text("url", required=True, pattern=URL).rstrip("/")
        token = arguments.text("token", required=True)
        if not TOKEN.fullmatch(token):
            raise ArgumentError("token has not the form of a token")
        self._api = Api(url, token, arguments.number("poll_seconds", 3, minimum=0.1))
        self._application = arguments.text("application", required=True, pattern=UUID)
        self._version = arguments.text("version", required=state == "deployed", pattern=COMMIT)
        self._release_id = arguments.release_id(required=False)
        self._deployment_uuid = arguments.text("deployment_uuid", pattern=UUID)
        self._is_forced = arguments.boolean("force_rebuild")
        self._once = arguments.boolean("once")
        timeout_seconds = arguments.number("timeout_seconds", 1800, minimum=1)
        arguments.finish()
        now = time.monotonic()
        self._until = now + timeout_seconds
        self._soon = now if self._once else now + min(PATIENCE_SECONDS, timeout_seconds)
        try:
            return dict(getattr(self, f"_{state}")())
        except ApiError as error:
            told = {"healthy": False, "evidence": "none", "findings": [_problem(str(error))]}
            is_result = self._once and state in ("looked", "checked")
            return {"changed": False, "failed": not is_result, "msg": str(error), **told}

    def _looked(self) -> Result:
        """What there is, and what a deployment would fail by. With ``once``, what is wrong is a result."""
        found = coolify.application(self._api, self._application, self._soon)
        rows = coolify.deployments(self._api, self._application, self._soon)
        good = next((each for each in rows if each.status == FINISHED), None)
        is_ours = bool(good and self._once and self._version and good.proof(self._version))
        release_id = self._release_id if is_ours else good.release_id() if good else ""
        version = self._version if is_ours else good.commit if good else ""
        busy = [each for each in rows if each.is_under_way]
        return {
            "changed": False,
            "current_release_id": release_id,
            "current_version": version if release_id else "",
            "manifest": {"release_id": release_id, "version": version} if release_id else {},
            "service": {"state": _state(found)},
            "under_way": [each.uuid for each in busy],
            "findings": [*_findings(self._api, found), *_busy(busy)],
        }

    def _deployed(self) -> Result:
        """Pin the commit, ask for a deployment, follow it to its end. A deployment of it that holds already, newer than the release, is
        left alone."""
        found = coolify.application(self._api, self._application, self._soon)
        newest = next(iter(coolify.deployments(self._api, self._application, self._soon)), None)
        is_pinned = str(found.get("git_commit_sha") or "").lower() == self._version
        if newest and is_pinned and self._holds(newest) and newest.is_newer_than(self._release_id):
            return {"changed": False, **self._active(newest)}
        if self.is_check:
            return {"changed": True, **self._facts(newest, release_id="")}
        self._pin(self._version, found)
        return self._follow()

    def _follow(self) -> Result:
        follower = Follower(self._api, self._application, self._until, is_forced=self._is_forced)
        end = follower.deploy()
        if self._holds(end):
            return {"changed": True, **self._active(end)}
        if end.status == FINISHED:
            said = f"it says {end.commit or 'nothing'}" + ("" if end.log else ", and the token may not read its log")
            message = f"{end.uuid} finished, and nothing shows that it is {self._version}: {said}; force_rebuild: true may help"
        else:
            message = follower.told(end)
        facts = self._facts(end, release_id="")
        return {"changed": True, "failed": True, "msg": message, "log": list(end.log[-20:]), **facts}

    def _checked(self) -> Result:
        """Whether the newest deployment is the one that was made in this run (where there is one), has finished, and is of this commit."""
        rows = coolify.deployments(self._api, self._application, self._soon)
        newest = rows[0] if rows else None
        wrong = self._wrong(newest)
        facts = {"changed": False, **self._facts(newest), "healthy": not wrong, "evidence": "deployment", "version": ""}
        if not wrong:
            return facts
        return {
            **facts,
            "release_id": "",
            "failed": not self._once,
            "msg": wrong,
            "log": list(newest.log[-20:]) if newest else [],
        }

    def _wrong(self, newest: Deployment | None) -> str:
        if newest is None:
            return "Coolify knows of no deployment of this application"
        told = f"the newest deployment there, {newest.uuid}, is {newest.status}"
        if self._deployment_uuid and newest.uuid != self._deployment_uuid:
            return f"{told}: somebody has deployed after {self._deployment_uuid}"
        if newest.status != FINISHED:
            return told
        if self._version and not newest.proof(self._version):
            return f"{told}, of {newest.commit or 'an unknown commit'}; expected {self._version}"
        return ""

    def _absent(self) -> Result:
        """Nothing was there before: what still deploys is cancelled, the application stopped, the commit let go."""
        found = coolify.application(self._api, self._application, self._soon)
        if self.is_check:
            return {"changed": True, **self._facts(None, release_id="")}
        self._cancel_all()
        self._pin("HEAD", found)
        self._api.ask_until(self._soon, "POST", f"/applications/{self._application}/stop")
        return {"changed": True, **self._facts(None, release_id="")}

    def _ended(self) -> Result:
        """Cancels what a run that was cut off has asked for."""
        cancelled = [] if self.is_check else self._cancel_all()
        return {"changed": bool(cancelled), "ended": True, "cancelled": cancelled}

    def _cancel_all(self) -> list[str]:
        rows = coolify.deployments(self._api, self._application, self._soon)
        mine = [each.uuid for each in rows if each.is_under_way and each.is_by_api]
        for uuid in mine:
            try:
                self._api.ask_until(self._soon, "POST", f"/deployments/{uuid}/cancel")
            except ApiError:
                if coolify.deployment(self._api.ask_until(self._soon, "GET", f"/deployments/{uuid}")).is_under_way:
                    raise
        return mine

    def _pin(self, commit: str, application: Mapping[str, Any]) -> None:
        if str(application.get("git_commit_sha") or "") != commit:
            path = f"/applications/{self._application}"
            self._api.ask_until(self._soon, "PATCH", path, {"git_commit_sha": commit})

    def _holds(self, deployment: Deployment) -> bool:
        return deployment.status == FINISHED and bool(deployment.proof(self._version))

    def _active(self, deployment: Deployment) -> Result:
        return {**self._facts(deployment), "activated_at": time.time()}

    def _facts(self, deployment: Deployment | None, *, release_id: str | None = None) -> Result:
        found: Result = {"deployment_uuid": "", "status": "", "commit": "", "proof": ""}
        if deployment:
            proof = deployment.proof(self._version) if self._version else ""
            found = {"deployment_uuid": deployment.uuid, "status": deployment.status, "commit": deployment.commit}
            found["proof"] = proof
        return {**found, "release_id": self._release_id if release_id is None else release_id}


def _state(application: Mapping[str, Any]) -> str:
    """Running, stopped or unknown, from Coolify's ``running:healthy`` and the like."""
    word = str(application.get("status") or "").partition(":")[0]
    return {"running": "running", "exited": "stopped", "stopped": "stopped"}.get(word, "unknown")


def _findings(api: Api, application: Mapping[str, Any]) -> list[dict[str, str]]:
    name = application.get("name") or application["uuid"]
    found = [{"check": "coolify", "state": "ok", "message": f"the token reads the application {name}", "hint": ""}]
    if api.url.startswith("http://"):
        found.append({
            "check": "coolify",
            "state": "warning",
            "message": "the token travels in the clear",
            "hint": "give Coolify a certificate, and an https:// address here",
        })  # fmt: skip
    return found


def _busy(under_way: list[Deployment]) -> list[dict[str, str]]:
    if not under_way:
        return []
    names = ", ".join(each.uuid for each in under_way)
    return [
        {"check": "coolify", "state": "warning", "message": f"deploys there now: {names}", "hint": "wait, or cancel it"}
    ]


def _problem(message: str) -> dict[str, str]:
    return {"check": "coolify", "state": "problem", "message": message, "hint": "look at url, token and application"}
