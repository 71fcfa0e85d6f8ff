"""``${file:path}``: the content of a file on the controller, without the line end after it."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fraisier.errors import SecretUnavailable
from fraisier.secrets.program import text_of

name = "file"
LARGEST_BYTES: Final = 1_000_000


def fault_of(address: str) -> str:
    return "" if address.strip() == address else "expected a path"


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    home = environ.get("HOME", "/")
    return {each: content(root / (f"{home}/{each[2:]}" if each.startswith("~/") else each)) for each in addresses}


def content(path: Path) -> str | SecretUnavailable:
    """The text in ``path``, a regular file of bounded size, or why there is none."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return SecretUnavailable(f"{path} is not a regular file")
        if found.st_size > LARGEST_BYTES:
            return SecretUnavailable(f"{path} is larger than {LARGEST_BYTES // 1_000_000} MB")
        return text_of(path.read_bytes())
    except FileNotFoundError:
        return SecretUnavailable(f"there is no file {path}")
    except SecretUnavailable as error:
        return error
    except (OSError, ValueError) as error:
        return SecretUnavailable(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not a usable path'}")
