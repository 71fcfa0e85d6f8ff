"""Reading bodies strictly, and picking from what they hold without trusting its shape.

A document is read once and by orjson alone, which refuses what is not UTF-8, NaN and infinities, lone surrogates, a byte order
mark, anything behind the document, and more than 1,024 levels. Decided here:

* the top is an object, and nothing is nested deeper than can be written again (254 levels);
* of a name given twice the last counts: nobody reads the body a second time, so no two readers can differ;
* integers beyond 64 bits become floats: no field that is used is a number;
* NUL becomes U+FFFD: PostgreSQL stores none, and no ref holds any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from fraisier.errors import InvalidPayload
from fraisier.git.headers import Headers, media_type
from fraisier.secrets import MASK

Document = Mapping[str, Any]

FORM: Final = "application/x-www-form-urlencoded"
LONGEST_NAME: Final = 255
_SAFE_DEPTH: Final = 200
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,1024}")
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def read(headers: Headers, body: bytes) -> Document:
    """The document of a JSON or form body. Raises InvalidPayload."""
    return read_json(form_payload(body) if is_form(headers) else body)


def read_json(body: bytes) -> Document:
    """The document of a JSON body. Raises InvalidPayload."""
    try:
        document = orjson.loads(_NUL.sub(rb"\1\\ufffd", body) if b"\\u0000" in body else body)
        if body.count(b"{") + body.count(b"[") > _SAFE_DEPTH:
            orjson.dumps(document)
    except orjson.JSONDecodeError as error:
        raise InvalidPayload(f"the body is no JSON document: {error}") from None
    except orjson.JSONEncodeError:
        raise InvalidPayload("the body is nested too deep") from None
    if not isinstance(document, dict):
        raise InvalidPayload("the body is not a JSON object")
    return document


def is_form(headers: Headers) -> bool:
    return media_type(headers) == FORM


def form_payload(body: bytes) -> bytes:
    """The field ``payload`` of a form, decoded. Raises InvalidPayload unless it is the only field, as services send it."""
    if not body.startswith(b"payload=") or b"&" in body:
        raise InvalidPayload("the form is not one field 'payload'")
    return unquote_to_bytes(body.removeprefix(b"payload=").replace(b"+", b" "))


def content(headers: Headers, body: bytes) -> bytes:
    """What a delivery says, however it travels: of a form the decoded field, else the body.

    Two deliveries with the same content are the same, also where a form is spelt otherwise: Gitea and Forgejo sign the
    content alone, so who has seen one delivery can send it again in many spellings.
    """
    try:
        return form_payload(body) if is_form(headers) else body
    except InvalidPayload:
        return body


def at(document: Any, *path: str) -> Any:
    """What is at ``path``; None where anything on the way is missing or no object."""
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def text_at(document: Any, *path: str) -> str:
    """The text at ``path``; '' where there is none."""
    found = at(document, *path)
    return found if isinstance(found, str) else ""


def needed(document: Any, *path: str) -> str:
    """The text at ``path``. Raises InvalidPayload when it is missing, empty, too long, or holds control characters."""
    found = text_at(document, *path)
    if not _PLAIN.fullmatch(found):
        raise InvalidPayload(f"{'.'.join(path)} is missing or no plain text")
    return found


def shown(name: str) -> str:
    """A name for people to read: unprintable characters replaced, of bounded length."""
    cut = name[:LONGEST_NAME]
    return cut if cut.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in cut)


def masked(document: Document) -> Document:
    """The document without the hook's secret, which old Gitea servers send along at the top."""
    return {**document, "secret": MASK} if "secret" in document else document
