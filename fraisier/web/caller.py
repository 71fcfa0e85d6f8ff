"""Who calls, and how: what is read from a request's head before anything is decided."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fraisier.config.model import Server

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_EVENT_HEADERS = ("x-forgejo-event", "x-gitea-event", "x-gitlab-event", "x-event-key", "x-github-event")
LONGEST_EVENT = 64
_PROCESS = os.urandom(12).hex()
_COUNTER = itertools.count(1)


class Caller:
    """The head of one request. ``headers`` have lower-case names; one that was sent twice has both values, joined by a comma.

    ``address`` is the client's as far as it can be trusted: that of the connection, or what a trusted proxy says. ``is_shared`` is true
    when it is a proxy's own, behind which anybody may be.
    """

    def __init__(self, scope: MutableMapping[str, Any], settings: Server) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers: Mapping[str, str] = _headers(scope["headers"])
        client = scope.get("client")
        peer = client[0] if client else ""
        is_proxy = not peer or peer in settings.trusted_proxies
        told = self._told(settings) if is_proxy and "x-forwarded-for" in self.headers else ""
        self.address = told or peer
        self.is_shared = is_proxy and not told
        self.request_id = (self._named(settings) if is_proxy else "") or f"{_PROCESS}{next(_COUNTER):08x}"

    @property
    def event_type(self) -> str:
        """The provider's word for what happened, for a delivery that says nothing else."""
        found = next((self.headers[name] for name in _EVENT_HEADERS if name in self.headers), "")
        return found[:LONGEST_EVENT] if found.isascii() and found.isprintable() else ""

    def _told(self, settings: Server) -> str:
        """The last address in X-Forwarded-For that is no proxy of ours: those before it are the client's own words."""
        hops = [hop.strip() for hop in self.headers["x-forwarded-for"].split(",")]
        return next((hop[:64] for hop in reversed(hops) if hop and hop not in settings.trusted_proxies), "")

    def _named(self, settings: Server) -> str:
        if settings.request_id_header is None:
            return ""
        given = self.headers.get(settings.request_id_header.lower(), "")
        return given if _REQUEST_ID.fullmatch(given) else ""


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
