"""One deployment in Coolify from the asking to its end."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils import coolify
from ansible_collections.fraisier.deploy.plugins.plugin_utils.coolify import Deployment
from ansible_collections.fraisier.deploy.plugins.plugin_utils.coolify_api import Api, ApiError


@dataclass(frozen=True)
class Follower:
    """``until``: when the patience ends, monotonic."""

    api: Api
    application: str
    until: float
    is_forced: bool

    def deploy(self) -> Deployment:
        """The deployment as it ended there. Raises ApiError when it did not begin, when its end cannot be learnt, and when it takes too
        long: then it is cancelled there."""
        uuid, said = self._begin()
        while True:
            found = self._look(uuid, said)
            if not found.is_under_way:
                return found
            if time.monotonic() + self.api.poll_seconds > self.until:
                raise ApiError(f"{uuid} took longer than timeout_seconds; {self._cancelled(uuid)}")
            time.sleep(self.api.poll_seconds)

    @staticmethod
    def told(end: Deployment) -> str:
        """What to say of a deployment that did not finish."""
        words = {"failed": "failed in Coolify", "cancelled-by-user": "was cancelled in Coolify"}
        sentence = f"{end.uuid} {words.get(end.status, f'ended in Coolify as {end.status}')}"
        last = "\n".join(end.log[-5:])
        return f"{sentence}; its last lines:\n{last}" if last else f"{sentence}; the token may not read its log"

    def _begin(self) -> tuple[str, str]:
        """Uuid of the deployment, and Coolify's words. Asked for a second time only when the first cannot have been heard."""
        # In a query 'force=false' would be true there.
        path = f"/deploy?uuid={self.application}{'&force=true' if self.is_forced else ''}"
        while True:
            try:
                return self._one_of(self.api.ask("POST", path))
            except ApiError as error:
                is_safe = error.status == 429 or not error.was_sent
                if not is_safe and error.may_pass:
                    raise ApiError(f"{error}; whether it deploys now is not known", status=error.status) from None
                if not is_safe or time.monotonic() + self.api.poll_seconds > self.until:
                    raise
            time.sleep(self.api.poll_seconds)

    def _one_of(self, answer: Any) -> tuple[str, str]:
        rows = answer.get("deployments") if isinstance(answer, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("resource_uuid") == self.application:
                said = " ".join(str(row.get("message") or "").split())[:300]
                if row.get("deployment_uuid"):
                    return str(row["deployment_uuid"]), said
                raise ApiError(f"Coolify did not deploy: {said or 'it did not say why'}")
        raise ApiError("Coolify's answer names no deployment of the application")

    def _look(self, uuid: str, said: str) -> Deployment:
        try:
            found = coolify.deployment(self.api.ask_until(self.until, "GET", f"/deployments/{uuid}"))
        except ApiError as error:
            if error.status == 404:
                raise ApiError(
                    f"Coolify made no deployment {uuid} ({said}): is another of this commit under way?"
                ) from None
            if error.may_pass:
                raise ApiError(f"{error}; how {uuid} ended is not known") from None
            raise
        if found.uuid != uuid:
            raise ApiError(f"Coolify answered with {found.uuid} when it was asked for {uuid}")
        return found

    def _cancelled(self, uuid: str) -> str:
        try:
            self.api.ask("POST", f"/deployments/{uuid}/cancel")
        except ApiError as error:
            return f"it could not be cancelled there: {error}"
        return "it was cancelled there"
