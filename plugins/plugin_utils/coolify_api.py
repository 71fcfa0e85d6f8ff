"""Coolify's HTTP API, as far as a deployment needs it: one question, one answer, and what went wrong in a sentence.

The token is in the header of a request and nowhere else: no redirect is followed, as it would be sent along, and no message holds what
was sent.
"""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_ANSWER = 64 * 1024 * 1024
REQUEST_SECONDS = 30.0
WORTH_ANOTHER_TRY = frozenset({429, 500, 502, 503, 504})
MEANING = {
    400: "Coolify refuses the token or the request",
    401: "Coolify does not know the token",
    403: "Coolify does not allow this to the token (it must read, write and deploy), or not from this address; or its API is off",
    404: "Coolify knows no such thing",
    429: "Coolify's queue of deployments is full",
}


class ApiError(Exception):
    """The API did not do what it was asked. ``status`` is that of its answer, 0 without one; ``may_pass``: asking again may help;
    ``was_sent``: the request may have reached the server."""

    def __init__(self, message: str, *, status: int = 0, may_pass: bool = False, was_sent: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.may_pass = may_pass
        self.was_sent = was_sent


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Api:
    """``url`` is the server's, without /api/v1."""

    url: str
    token: str
    poll_seconds: float

    def ask(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """The JSON of one answer. Raises ApiError."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        body = None
        if data is not None:
            body = json.dumps(data).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(  # noqa: S310  (http and https only: the action's argument)
            f"{self.url}/api/v1{path}", body, headers, method=method
        )
        try:
            with urllib.request.build_opener(_Stay()).open(request, timeout=REQUEST_SECONDS) as answer:
                text = answer.read(LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, path, error.read(4096)) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            was_sent = not isinstance(reason, ConnectionRefusedError)
            words = str(reason) or type(reason).__name__
            raise ApiError(f"{self.url} did not answer: {words}", may_pass=True, was_sent=was_sent) from None
        try:
            return json.loads(text)
        except ValueError:
            raise ApiError(
                f"{self.url}/api/v1{_place(path)} did not answer in JSON: is this Coolify's address?"
            ) from None

    def ask_until(self, deadline: float, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """As ``ask``, again and again while the server is away, until ``deadline`` (monotonic). For what may be asked twice."""
        while True:
            try:
                return self.ask(method, path, data)
            except ApiError as error:
                if not error.may_pass or time.monotonic() + self.poll_seconds > deadline:
                    raise
            time.sleep(self.poll_seconds)

    def _refused(self, status: int, path: str, body: bytes) -> ApiError:
        words = MEANING.get(status, "Coolify is out of order" if status >= 500 else "Coolify's answer is no answer")
        if 300 <= status < 400:
            words = f"{self.url} leads elsewhere, and the token is not sent there: give the address that it leads to"
        said = _message(body)
        text = f"{words} ({status} at /api/v1{_place(path)}{f': {said}' if said else ''})"
        return ApiError(text, status=status, may_pass=status in WORTH_ANOTHER_TRY)


def _place(path: str) -> str:
    return urllib.parse.urlsplit(path).path


def _message(body: bytes) -> str:
    """What the API says of an error, one line of it."""
    try:
        said = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return " ".join(str(said).split())[:300]
