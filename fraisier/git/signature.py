"""Comparing signatures: on bytes, in constant time, against every secret, never against an empty one."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

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
    written = as_bytes(given)
    matches = [hmac.compare_digest(written, f"{prefix}{_hex(key, message)}".encode()) for key in usable]
    if not any(matches):
        raise InvalidSignature(f"{header} fits none of the {len(usable)} secrets")


def _hex(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()
