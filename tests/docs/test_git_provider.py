"""The provider of the how-to page is one."""

from __future__ import annotations

import hmac
import json
import re
from types import ModuleType

import pytest

from fraisier.errors import InvalidPayload, InvalidSignature
from fraisier.git import Provider
from tests.docs.pages import text_of

PAGE = "docs/how-to/write-a-git-provider.md"
SECRET = "a secret of some length, for tests"


@pytest.fixture
def provider() -> Provider:
    found = re.search(r"```python\n(.*?)```", text_of(PAGE), re.DOTALL)
    assert found
    module = ModuleType("plainpush")
    exec(found[1], module.__dict__)
    return module


def test_the_example_verifies_and_reads(provider: Provider) -> None:
    push = {"repository": "team/my_api", "ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 40, "user": "ada"}
    body = json.dumps(push).encode()
    headers = {"X-Plain-Signature": hmac.new(SECRET.encode(), body, "sha256").hexdigest(), "X-Plain-Delivery": "1"}
    provider.verify(headers, body, [SECRET])
    (event,) = provider.parse(headers, body)
    assert (event.provider, event.repository, event.branch, event.commit_sha) == (
        "plainpush",
        "team/my_api",
        "main",
        "a" * 40,
    )
    assert event.should_deploy
    assert provider.delivery_id(headers) == "1"
    assert not provider.is_unsigned_ping(headers, body)


def test_the_example_refuses_what_it_should(provider: Provider) -> None:
    for headers, secrets in (({}, [SECRET]), ({"X-Plain-Signature": ""}, [SECRET]), ({"X-Plain-Signature": "a"}, [])):
        with pytest.raises(InvalidSignature):
            provider.verify(headers, b"{}", secrets)
    for body in (b"", b"{}", b'{"ref": "main"}', b"[" * 10_000):
        with pytest.raises(InvalidPayload):
            provider.parse({}, body)
