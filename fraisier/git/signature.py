"""Comparing signatures: on bytes, in constant time, against every secret, never against an empty one."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence

from fraisier.errors import InvalidSignature

Secrets = Sequence[str | bytes]


def keys(secrets: Secrets) -> list[bytes]:
    """The secrets as bytes, empty ones left out. Raises InvalidSignature when none is left: anybody could sign with ''."""
    each = [secrets] if isinstance(secrets, (str, bytes)) else secrets
    found = [as_bytes(secret) for secret in each if secret]
    if not found:
        raise InvalidSignature("no secret is configured: nothing can be authentic")
    return found


def as_bytes(text: str | bytes) -> bytes:
    """UTF-8, also of text that is none."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def require_hmac_sha256(given: str, message: bytes, secrets: Secrets, *, header: str, prefix: str = "") -> None:
    """Raises InvalidSignature unless ``given`` is ``prefix`` and the lower-case hexadecimal HMAC of ``message``.

    Every secret is tried, whichever fits: how long it takes does not tell which.
    """
    usable = keys(secrets)
    if given in ("", prefix):
        raise InvalidSignature(f"{header} is missing, empty or contradicts itself")
    expected = [f"{prefix}{hmac.digest(key, message, 'sha256').hex()}".encode() for key in usable]
    if not fits_any([as_bytes(given)], expected):
        raise InvalidSignature(f"{header} fits none of the {len(usable)} secrets")


def fits_any(given: Iterable[bytes], expected: Sequence[bytes]) -> bool:
    """True when one of ``given`` is one of ``expected`` and not empty. All are compared, whichever fits."""
    return any([hmac.compare_digest(theirs, mine) and bool(mine) for theirs in given for mine in expected])  # noqa: C419
