"""``${lookup:name term option=value}``: one value of any lookup plugin that Ansible finds. Words as a shell splits them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fraisier.errors import SecretUnavailable
from fraisier.secrets.ansible_answers import ask
from fraisier.secrets.document import as_text

name = "lookup"
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_OPTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def fault_of(address: str) -> str:
    try:
        words = shlex.split(address)
    except ValueError:
        return "expected a lookup; its quotes are not closed"
    return "" if words and _NAME.fullmatch(words[0]) else "expected the name of a lookup, then its terms"


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    answers = ask([_question(each) for each in addresses], environ, root)
    return {
        address: answer if isinstance(answer, SecretUnavailable) else _single(answer)
        for address, answer in zip(addresses, answers, strict=True)
    }


def _question(address: str) -> dict[str, Any]:
    lookup, *words = shlex.split(address)
    options = dict(word.split("=", 1) for word in words if _OPTION.match(word))
    return {"lookup": lookup, "terms": [word for word in words if not _OPTION.match(word)], "options": options}


def _single(values: Any) -> str | SecretUnavailable:
    if not isinstance(values, list) or len(values) != 1:
        count = len(values) if isinstance(values, list) else 0
        return SecretUnavailable(f"the lookup gave {count} values, not one")
    return as_text(values[0])
