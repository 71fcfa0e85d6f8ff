"""``${credential:name}``: what systemd gave the service that Fraisier runs in, by ``LoadCredential=`` and its like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fraisier.errors import SecretUnavailable
from fraisier.secrets.file import content

name = "credential"


def fault_of(address: str) -> str:
    is_name = address.strip() == address and "/" not in address and address not in (".", "..")
    return "" if is_name else "expected the name of a credential"


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        raise SecretUnavailable(
            "CREDENTIALS_DIRECTORY is not set", hint="it is there in a unit of systemd that has LoadCredential="
        )
    return {each: content(root / folder / each) for each in addresses}
