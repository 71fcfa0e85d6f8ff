"""Reading a body from somebody who is not known yet: never more of it than allowed, nor for longer, nor of all together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fraisier.web.refusal import BUSY, GONE, LATE, TOO_LARGE, Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Memory:
    """Bytes of bodies that may be held at once, over all requests of a process."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0

    def take(self, size: int) -> None:
        """Raises Refused when there is no room; whoever has taken gives back."""
        if self.held_bytes + size > self.most_bytes:
            raise Refused(BUSY)
        self.held_bytes += size

    def give(self, size: int) -> None:
        self.held_bytes -= size


async def read_body(receive: Receive, memory: Memory, *, most_bytes: int, seconds: float) -> bytes:
    """The whole body, for which ``memory`` has been taken: give ``len(body)`` back. Raises Refused, with nothing taken."""
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(seconds):
            await _gather(receive, memory, parts, most_bytes)
    except BaseException as error:
        memory.give(sum(map(len, parts)))
        if isinstance(error, TimeoutError):
            raise Refused(LATE) from None
        raise
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _gather(receive: Receive, memory: Memory, parts: list[bytes], most_bytes: int) -> None:
    left = most_bytes
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(GONE)
        part: bytes = message.get("body", b"")
        left -= len(part)
        if left < 0:
            raise Refused(TOO_LARGE)
        memory.take(len(part))
        parts.append(part)
        if not message.get("more_body"):
            return
