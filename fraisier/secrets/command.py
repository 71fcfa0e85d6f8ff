"""``${command:op read op://vault/item/field}``: what a program on the controller prints. Words are split as by a shell; none runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from fraisier.errors import SecretUnavailable
from fraisier.secrets.program import output

name = "command"
AT_ONCE: Final = 4


def fault_of(address: str) -> str:
    try:
        words = shlex.split(address)
    except ValueError:
        return "expected a command; its quotes are not closed"
    return "" if words and words[0] else "expected a command"


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    def ask(address: str) -> str | SecretUnavailable:
        try:
            return output(shlex.split(address), environ, root)
        except SecretUnavailable as error:
            return error

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip(addresses, pool.map(ask, addresses), strict=True))
