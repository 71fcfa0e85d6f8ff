"""A secret value must not survive in any spelling that a log or a JSON document gives it."""

import base64
import json
import shlex
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fraisier.secrets.redact import MASK, SHORTEST, Redactor

SECRET = 'p@ss wörd/"quoted"\\\'x'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        json.dumps({"key": SECRET}),
        json.dumps({"key": SECRET}, ensure_ascii=False),
        json.dumps({"outer": json.dumps({"key": SECRET}, ensure_ascii=False)}, ensure_ascii=False),
        f"https://user:{quote(SECRET, safe='')}@example.com",
        base64.b64encode(SECRET.encode()).decode(),
        f"export KEY={shlex.quote(SECRET)}",
    ],
)
def test_every_spelling_of_a_secret_is_masked(text: str) -> None:
    masked = Redactor([SECRET])(text)
    assert MASK in masked
    for trace in ("wörd", "w\\u00f6rd", "quoted", quote("wörd"), base64.b64encode(SECRET.encode()).decode()[:12]):
        assert trace not in masked


def test_lines_of_a_multi_line_secret_are_masked_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----"
    assert Redactor([key])("found ijklmnop in a log") == f"found {MASK} in a log"


def test_the_longer_secret_is_masked_first() -> None:
    assert Redactor(["token", "token-extended"])("token-extended") == MASK


def test_without_secrets_text_stays_as_it_is() -> None:
    assert Redactor([])("anything") == "anything"


@given(st.text(min_size=SHORTEST), st.text(), st.text())
def test_a_masked_text_never_holds_the_secret(secret: str, before: str, after: str) -> None:
    assume("*" not in secret)  # else the mask itself may complete it
    assert secret not in Redactor([secret])(before + secret + after)
