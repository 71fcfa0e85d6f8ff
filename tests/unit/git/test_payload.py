"""Reading bodies strictly: what is refused, what is kept, and that it can be stored."""

from __future__ import annotations

import json

import orjson
import pytest

from fraisier.errors import InvalidPayload
from fraisier.git.payload import FORM, content, form_payload, needed, read_json

DEEP = 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"1", b'"text"', b"[]", b"[{}]", b"{", b"{}{}", b"{} x", b"{'a': 1}", b'{"a": NaN}', b'{"a": Infinity}',
        b'{"a": -Infinity}', b'{"a": 1e999}', b'{"a": ' + b"9" * 5000 + b"}", b'{"a": "\\ud800"}', b'{"a": "\\udc00\\ud800"}',
        b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b"\xef\xbb\xbf{}", b'{"a": "\x00"}', b'{"a": "\n"}', b'{"a": 01}', b'{"a": 1,}',
        '{"a": 1}'.encode("utf-16"), '{"a": 1}'.encode("utf-32-le"), b"\x00" * 10, b"[" * 100_000, b'{"a":' * 100_000,
        b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", b'{"a":' * 1000 + b"1" + b"}" * 1000, b"// comment\n{}", b"payload=%7B%7D",
    ],
    ids=lambda body: ascii(body)[:24],
)  # fmt: skip
def test_what_is_no_strict_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidPayload):
        read_json(body)


def test_a_document_can_be_written_again_however_deep_it_may_be() -> None:
    document = read_json(b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}")
    assert orjson.loads(orjson.dumps(document)) == document


def test_of_a_name_given_twice_the_last_counts_as_for_the_standard_library() -> None:
    body = b'{"ref": "refs/heads/main", "secret": "a", "ref": "refs/heads/topic", "secret": "b"}'
    assert read_json(body) == json.loads(body) == {"ref": "refs/heads/topic", "secret": "b"}


def test_integers_of_any_usual_length_are_kept_and_longer_ones_become_floats() -> None:
    assert read_json(b'{"id": 18446744073709551615}') == {"id": 2**64 - 1}
    assert read_json(b'{"id": 123456789012345678901234567890}') == {"id": 123456789012345678901234567890.0}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\u0000", "\ufffd"),
        (rb"a\u0000\u0000b", "a\ufffd\ufffdb"),
        (rb"\\u0000", r"\u0000"),
        (rb"\\\u0000", "\\\ufffd"),
        (rb"\\\\u0000", r"\\u0000"),
        (rb"\\\\\u0000", "\\\\\ufffd"),
    ],
)
def test_nul_is_replaced_as_not_every_database_stores_it(written: bytes, read: str) -> None:
    assert read_json(b'{"a": "' + written + b'"}') == {"a": read}
    assert read_json(b'{"a": "' + written + b'"}') == {"a": json.loads(b'"' + written + b'"').replace("\0", "\ufffd")}


def test_a_body_full_of_backslashes_takes_no_longer_than_its_length() -> None:
    body = b'{"a": "' + b"\\\\" * 1_000_000 + b'\\u0000"}'
    assert len(read_json(body)["a"]) == 1_000_001


def test_a_form_is_decoded_as_browsers_write_it() -> None:
    assert form_payload(b"payload=%7B%22a%22%3A+%22%C3%A9%2B%26%22%7D") == '{"a": "é+&"}'.encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"payload", b"Payload={}", b"a=1&payload={}", b"payload={}&a=1", b"payload={}&payload={}", b"&payload={}"],
)
def test_a_form_is_one_field_and_nothing_else(body: bytes) -> None:
    with pytest.raises(InvalidPayload):
        form_payload(body)
    assert content({"Content-Type": FORM}, body) == body


def test_however_a_form_is_spelt_its_content_is_the_same() -> None:
    headers = {"content-type": f"{FORM.upper()}; charset=utf-8"}
    for body in (
        b'payload={"a":+"b/c"}',
        b"payload=%7B%22a%22%3A%20%22b%2fc%22%7D",
        b"payload=%7b%22%61%22%3a+%22b%2Fc%22%7d",
    ):
        assert content(headers, body) == b'{"a": "b/c"}'
        assert content({}, body) == body


@pytest.mark.parametrize(
    "text",
    ["", "a\nb", "a\x00", "\x7f", "a\x85", "a\u2028b", "x" * 1025, None, 1, ["main"], {"name": "main"}],
    ids=ascii,
)
def test_a_needed_text_is_one_line_of_bounded_length(text: object) -> None:
    with pytest.raises(InvalidPayload):
        needed({"a": {"b": text}}, "a", "b")
    for document in ({}, {"a": None}, {"a": []}, [], None):
        with pytest.raises(InvalidPayload):
            needed(document, "a", "b")
