"""``POST /webhook[/{hook}]``: the one hot endpoint, an ASGI application of its own in front of the router.

The order of work is the defence: what is cheap to refuse is refused unread, nothing is parsed before it is verified, nothing is answered
with 202 before it is durable.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

import orjson

from fraisier.deliveries.accept import DUPLICATE, Delivery, Receipt
from fraisier.deliveries.keeping import kept_body
from fraisier.errors import InvalidPayload, InvalidSignature, LedgerError
from fraisier.git import detect
from fraisier.git.payload import content
from fraisier.web import refusal
from fraisier.web.body import Memory, Receive, read_body
from fraisier.web.caller import Caller
from fraisier.web.journal import CONTEXT, LOGGER, say
from fraisier.web.limiter import Limiter
from fraisier.web.refusal import Refused

if TYPE_CHECKING:
    from fraisier.deliveries.desk import Desk
    from fraisier.deliveries.hooks import Hook
    from fraisier.git import WebhookEvent
    from fraisier.web.metrics import Metrics
    from fraisier.web.writer import Writer

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]

PATH = "/webhook"
BODY_TYPES = (b"application/json", b"application/x-www-form-urlencoded")
LONG_BODY_BYTES = 256 * 1024
"""A longer body is verified and parsed in another thread, so that everybody else is answered meanwhile."""
MEMORY_BODIES = 4
"""Bodies of the largest size that are held at once; far more of ordinary ones."""
PONG = b'{"status":"pong"}'
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_CLOSE = ((b"connection", b"close"),)


class HasDesk(Protocol):
    """Where the configuration that is in force is found."""

    @property
    def current(self) -> Desk: ...


class Intake:
    """Answers deliveries. One for each process."""

    def __init__(self, live: HasDesk, writer: Writer, metrics: Metrics, *, limiter: Limiter | None = None) -> None:
        self._live, self._writer, self._metrics = live, writer, metrics
        self._limiter = limiter or Limiter()
        self._memory = Memory(MEMORY_BODIES * live.current.settings.max_body_bytes)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        desk = self._live.current
        caller = Caller(scope, desk.settings)
        about: dict[str, Any] = {"request_id": caller.request_id, "client": caller.address}
        CONTEXT.set(about)
        try:
            status, body, headers = await self._answer(desk, caller, receive, about)
        except Refused as refused:
            status, body, headers = self._refusal(refused, about)
        except LedgerError:
            status, body, headers = self._refusal(Refused(refusal.NOT_WRITTEN), about)
        except Exception:  # noqa: BLE001 - a door: logged, and the next one is served
            LOGGER.exception("a request could not be answered")
            status, body, headers = self._refusal(Refused(refusal.BROKEN), about)
        length = (b"content-length", str(len(body)).encode())
        mark = (b"x-request-id", caller.request_id.encode())
        await send({"type": "http.response.start", "status": status, "headers": [*_HEADERS, length, mark, *headers]})
        await send({"type": "http.response.body", "body": body})
        seconds = time.perf_counter() - started
        self._metrics.answered(status, seconds)
        level = logging.INFO if status < 400 else logging.WARNING
        say(level, "webhook", status=status, latency_ms=round(seconds * 1000, 2))

    def _refusal(self, refused: Refused, about: dict[str, Any]) -> Answer:
        found = refused.refusal
        about["decision"], about["reason"] = "refused", refused.reason or found.word
        return found.status, found.body, (*found.headers, *(_CLOSE if found.is_unread else ()))

    async def _answer(self, desk: Desk, caller: Caller, receive: Receive, about: dict[str, Any]) -> Answer:
        hook = _hook(desk, caller)
        about["hook"], about["provider"] = hook.name, hook.provider
        _refuse_unread(caller, desk.settings.max_body_bytes)
        if not caller.is_shared and self._limiter.is_over(caller.address):
            raise Refused(refusal.LIMITED)
        body = await read_body(
            receive, self._memory, most_bytes=desk.settings.max_body_bytes, seconds=desk.settings.body_timeout_seconds
        )
        try:
            if len(body) > LONG_BODY_BYTES:
                delivery = await asyncio.to_thread(self._examine, desk, hook, caller, body)
            else:
                delivery = self._examine(desk, hook, caller, body)
        finally:
            self._memory.give(len(body))
        del body
        if delivery is None:
            about["decision"] = "ignored"
            return 200, PONG, ()
        _tell(about, delivery)
        receipt = await self._writer.write(delivery)
        about["decision"], about["event_id"] = receipt.decision, receipt.event
        self._metrics.decided(hook.name, receipt.decision)
        return receipt.status, _body(receipt, caller.request_id), ()

    def _examine(self, desk: Desk, hook: Hook, caller: Caller, body: bytes) -> Delivery | None:
        """The delivery, verified, parsed and decided; None for the one kind of ping that its provider cannot sign."""
        provider, headers = desk.providers[hook.provider], caller.headers
        try:
            provider.verify(headers, body, hook.secrets)
        except InvalidSignature as error:
            if provider.is_unsigned_ping(headers, body):
                return None
            self._limiter.fail(caller.address)
            # Many may stand behind a proxy that does not say for whom it speaks: the genuine among them must get through.
            is_over = caller.is_shared and self._limiter.is_over(caller.address)
            raise Refused(refusal.LIMITED if is_over else refusal.UNSIGNED, reason=error.message) from None
        try:
            events: Sequence[WebhookEvent] = provider.parse(headers, body)
        except InvalidPayload as error:
            raise Refused(refusal.UNREADABLE, reason=error.message) from None
        return Delivery(
            hook=hook.name,
            provider=hook.provider,
            refs=desk.decide(hook, events),
            event_type=caller.event_type,
            delivery_id=provider.delivery_id(headers),
            body_sha256=hashlib.sha256(content(headers, body)).hexdigest(),
            request_id=caller.request_id,
            body=kept_body(events, hook.secrets) if desk.settings.store_payload == "redacted" else None,
        )


def _hook(desk: Desk, caller: Caller) -> Hook:
    """The hook that is called. Raises Refused for one that does not exist, before a byte of the body is read."""
    name = caller.path[len(PATH) + 1 :]
    if name:
        hook = desk.hooks.named.get(name)
    else:
        asked = parse_qs(caller.query, max_num_fields=8).get("provider", [""])[0] if caller.query else ""
        hook = desk.hooks.of_provider.get(asked or detect(caller.headers) or "")
    if hook is None:
        raise Refused(refusal.NO_HOOK)
    if caller.method != "POST":
        raise Refused(refusal.NO_METHOD)
    return hook


def _refuse_unread(caller: Caller, most_bytes: int) -> None:
    headers = caller.headers
    length = headers.get("content-length", "")
    if length and not (length.isascii() and length.isdigit()):
        raise Refused(refusal.NO_LENGTH)
    if length and (len(length) > 15 or int(length) > most_bytes):
        raise Refused(refusal.TOO_LARGE)
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise Refused(refusal.NO_ENCODING)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.encode() not in BODY_TYPES:
        raise Refused(refusal.NO_TYPE)


def _tell(about: dict[str, Any], delivery: Delivery) -> None:
    ref = delivery.main_ref
    about.update(
        delivery_id=delivery.delivery_id,
        event=ref.event_type or delivery.event_type,
        repository=ref.repository,
        branch=ref.branch or ref.tag,
        sha=ref.commit,
        sender=ref.sender,
    )
    if delivery.reason:
        about["reason"] = delivery.reason


def _body(receipt: Receipt, request_id: str) -> bytes:
    if receipt.decision == DUPLICATE:
        return orjson.dumps({"status": DUPLICATE, "of": receipt.event, "request_id": request_id})
    said: dict[str, Any] = {
        "status": receipt.decision,
        "event": receipt.event,
        "deployments": receipt.deployments,
        "request_id": request_id,
    }
    if receipt.reason:
        said["reason"] = receipt.reason
    return orjson.dumps(said)
