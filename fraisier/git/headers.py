"""Reading headers whose names come in any case, perhaps twice."""

from __future__ import annotations

from collections.abc import Mapping

Headers = Mapping[str, str]

LONGEST_ID = 200


def values(headers: Headers, name: str) -> set[str]:
    """All values given for ``name`` (lower case), however its case was spelt."""
    return {value for key, value in headers.items() if key.lower() == name}


def one(headers: Headers, *names: str) -> str:
    """The value of the first of ``names`` (lower case) that is there; '' when none is, or when its values contradict each other."""
    for name in names:
        if found := values(headers, name):
            return found.pop() if len(found) == 1 else ""
    return ""


def identifier(headers: Headers, *names: str) -> str:
    """As ``one``, for an id that will be stored: '' when it is too long or not plain ASCII."""
    found = one(headers, *names)
    return found if len(found) <= LONGEST_ID and found.isascii() and found.isprintable() else ""


def media_type(headers: Headers) -> str:
    """``application/json``, without parameters and in lower case; '' when none is given."""
    return one(headers, "content-type").partition(";")[0].strip().lower()
