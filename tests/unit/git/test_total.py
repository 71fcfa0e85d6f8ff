"""Whatever comes in, only our two errors come out, and what is read keeps its promises."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fraisier.errors import InvalidSignature
from fraisier.git import PROVIDERS
from tests.unit.git.deliveries import FORM, SECRET, SERVICES, SIGNING_TOKEN, Delivery, all_deliveries, as_form, signed
from tests.unit.git.promises import ask_everything

EXAMPLES = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = sorted({name for delivery in all_deliveries() for name in signed(delivery)} | {"webhook-id", "x-hub-signature"})
WORDS = sorted(
    {value for delivery in all_deliveries() for value in signed(delivery).values()}
    | {FORM, "sha256=", "v1,", "nan", "17"}
)
KEYS = sorted(
    {
        "ref",
        "after",
        "before",
        "repository",
        "push",
        "changes",
        "project",
        "head_commit",
        "new",
        "old",
        "type",
        "target",
    }
)

anything = st.text() | st.characters(codec=None).map(lambda character: character * 3)
headers = st.dictionaries(st.sampled_from(NAMES) | anything, st.sampled_from(WORDS) | anything, max_size=12)
secrets = st.lists(
    st.sampled_from([SECRET, SIGNING_TOKEN, "", "whsec_", "whsec_!"]) | anything | st.binary(), max_size=4
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["refs/heads/main", "0" * 40, "a" * 40])
    | st.text()
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=6), max_leaves=20
)  # fmt: skip
every_provider = pytest.mark.parametrize("provider", list(PROVIDERS))


@every_provider
@EXAMPLES
@given(headers=headers, body=st.binary(max_size=200), secrets=secrets)
@example(headers={"webhook-signature": "v1"}, body=b"", secrets=[SIGNING_TOKEN])
@example(headers={"X-Hub-Signature-256": "é", "x-hub-signature": "\ud800"}, body=b"", secrets=["\ud800"])
def test_any_headers_any_bytes_any_secrets(
    provider: str, headers: dict[str, str], body: bytes, secrets: list[Any]
) -> None:
    ask_everything(provider, headers, body, secrets)


@every_provider
@EXAMPLES
@given(document=values, delivery=st.sampled_from(all_deliveries()))
def test_any_json_under_the_headers_of_a_delivery(provider: str, document: Any, delivery: Delivery) -> None:
    text = json.dumps(document)
    ask_everything(provider, delivery.headers, text.encode())
    ask_everything(provider, {**delivery.headers, "Content-Type": FORM}, f"payload={text}".encode())


@EXAMPLES
@given(data=st.data(), delivery=st.sampled_from(all_deliveries()))
def test_deliveries_with_values_exchanged_or_missing(data: st.DataObject, delivery: Delivery) -> None:
    document = copy.deepcopy(dict(delivery.document))
    for _ in range(data.draw(st.integers(1, 3))):
        _change(data, document)
    ask_everything(delivery.provider, delivery.headers, json.dumps(document).encode())


def _change(data: st.DataObject, document: Any) -> None:
    """Goes down some way and puts another value there, or none."""
    place = document
    while True:
        names = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        inner = place[name]
        if isinstance(inner, dict | list) and inner and data.draw(st.integers(0, 3)):
            place = inner
        elif data.draw(st.booleans()) and isinstance(place, dict):
            del place[name]
            return
        else:
            place[name] = data.draw(values)
            return


@EXAMPLES
@given(data=st.data(), delivery=st.sampled_from(all_deliveries()), as_a_form=st.booleans())
def test_a_signed_body_with_a_byte_changed_is_no_longer_authentic(
    data: st.DataObject, delivery: Delivery, as_a_form: bool
) -> None:
    if as_a_form and SERVICES[delivery.service].in_forms:
        delivery = as_form(delivery)
    place = data.draw(st.integers(0, len(delivery.body) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != delivery.body[place]))
    body = delivery.body[:place] + bytes([other]) + delivery.body[place + 1 :]
    ask_everything(delivery.provider, signed(delivery), body)
    if delivery.service == "gitlab" or _decodes_alike(delivery.body, body):
        return
    with pytest.raises(InvalidSignature):
        PROVIDERS[delivery.provider].verify(signed(delivery), body, [SERVICES[delivery.service].secret])


def _decodes_alike(body: bytes, changed: bytes) -> bool:
    """A form has several spellings: ``%2f`` and ``%2F`` are one character. Gitea signs what is decoded."""
    from urllib.parse import unquote_to_bytes

    return (
        body.startswith(b"payload=")
        and changed.startswith(b"payload=")
        and unquote_to_bytes(body) == unquote_to_bytes(changed)
    )
