"""What every provider promises, whatever it is given: for the tests with generated input and for the fuzzer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from fraisier.errors import InvalidPayload, InvalidSignature
from fraisier.git import PROVIDERS, WebhookEvent, detect
from fraisier.vocabulary import is_commit
from tests.unit.git.deliveries import SECRET


def ask_everything(
    provider: str, given_headers: Mapping[str, str], body: bytes, given_secrets: Any = (SECRET,)
) -> list[WebhookEvent]:
    """All that can be asked of a provider. Any error that is not ours fails the test."""
    found = PROVIDERS[provider]
    assert detect(given_headers) in (*PROVIDERS, None)
    assert isinstance(found.delivery_id(given_headers), str)
    assert isinstance(found.is_unsigned_ping(given_headers, body), bool)
    try:
        assert found.verify(given_headers, body, given_secrets) is None
    except InvalidSignature as error:
        assert str(error)
    try:
        events = found.parse(given_headers, body)
    except InvalidPayload as error:
        assert str(error)
        return []
    for event in events:
        keeps_its_promises(provider, event)
    return events


def keeps_its_promises(provider: str, event: WebhookEvent) -> None:
    assert event.provider == provider
    texts = [event.event_type, event.repository, event.sender, event.branch, event.tag, event.commit_sha]
    assert all(text is None or (isinstance(text, str) and "\x00" not in text and len(text) <= 1100) for text in texts)
    assert all(text.encode() is not None for text in texts if text)
    assert event.commit_sha is None or is_commit(event.commit_sha)
    assert event.should_deploy is bool(event.is_push and event.branch and event.commit_sha and not event.is_delete)
    assert event.is_tag is (event.tag is not None)
    assert not (event.branch and event.tag)
    assert event.repository or event.is_ping
    if event.is_push:
        assert event.branch or event.tag
    if event.is_ping or event.is_merge_request:
        assert not (event.branch or event.tag or event.is_push)
    assert b"\\u0000" not in orjson.dumps(event.raw_payload).replace(b"\\\\", b"")
