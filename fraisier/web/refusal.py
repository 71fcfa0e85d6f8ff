"""Answers to requests that are not deliveries: status, the word for it, and nothing that helps to guess."""

from __future__ import annotations

from dataclasses import dataclass

import orjson


@dataclass(frozen=True)
class Refusal:
    """An answer that is always the same. ``is_unread``: the body was not read to its end, so that the connection is closed."""

    status: int
    word: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    is_unread: bool = False

    @property
    def body(self) -> bytes:
        return orjson.dumps({"error": self.word})


class Refused(Exception):
    """Ends the work on a request; the only exception that ``intake`` raises on purpose."""

    def __init__(self, refusal: Refusal, reason: str = "") -> None:
        super().__init__(refusal.word)
        self.refusal = refusal
        self.reason = reason
        """For the log alone."""


NO_HOOK = Refusal(404, "not found", is_unread=True)
NO_METHOD = Refusal(405, "method not allowed", ((b"allow", b"POST"),), is_unread=True)
NO_LENGTH = Refusal(400, "bad content length", is_unread=True)
TOO_LARGE = Refusal(413, "body too large", is_unread=True)
NO_ENCODING = Refusal(415, "unsupported content encoding", is_unread=True)
NO_TYPE = Refusal(415, "unsupported content type", is_unread=True)
LATE = Refusal(408, "the body did not arrive in time", is_unread=True)
GONE = Refusal(400, "the client has gone", is_unread=True)
BUSY = Refusal(503, "busy", ((b"retry-after", b"2"),), is_unread=True)
LIMITED = Refusal(429, "too many failures", ((b"retry-after", b"2"),), is_unread=True)
UNSIGNED = Refusal(401, "invalid signature")
UNREADABLE = Refusal(400, "invalid payload")
NOT_WRITTEN = Refusal(503, "not recorded, try again", ((b"retry-after", b"5"),))
BROKEN = Refusal(500, "internal error")
