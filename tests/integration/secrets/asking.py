"""What a keyring says of one reference: the value, or the words of the error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from fraisier.errors import SecretUnavailable
from fraisier.secrets import SecretRef
from fraisier.secrets.keyring import Keyring

PLACE = "fraises.yaml:7:3 fraises.my_api.database.url"


def value(reference: str, environ: Mapping[str, str], root: Path = Path("/")) -> str:
    return Keyring(environ).one(SecretRef(f"${{{reference}}}", PLACE, str(root)))


def refusal(reference: str, environ: Mapping[str, str], root: Path = Path("/"), *, retriable: bool = False) -> str:
    """The message without the place and the reference, which must be in front of it."""
    with pytest.raises(SecretUnavailable) as caught:
        value(reference, environ, root)
    assert caught.value.retriable is retriable
    head = f"{PLACE}: ${{{reference}}}: "
    assert str(caught.value).startswith(head)
    return str(caught.value).removeprefix(head)
