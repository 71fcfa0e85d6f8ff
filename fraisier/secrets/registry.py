"""Which back ends of secrets there are: ours by literal names, those of packages by entry points; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from fraisier.installed import Installed, without

if TYPE_CHECKING:
    from pathlib import Path

    from fraisier.errors import SecretUnavailable
    from fraisier.secrets import ansible_vault, aws, command, credential, file, lookup, sops, vault

    _TYPES_FIT: tuple[Backend, ...] = (file, credential, command, vault, aws, sops, ansible_vault, lookup)

ENTRY_POINTS: Final = "fraisier.secrets"

OURS: Final[Mapping[str, str]] = {
    "file": "fraisier.secrets.file",
    "credential": "fraisier.secrets.credential",
    "command": "fraisier.secrets.command",
    "vault": "fraisier.secrets.vault",
    "aws": "fraisier.secrets.aws",
    "sops": "fraisier.secrets.sops",
    "ansible_vault": "fraisier.secrets.ansible_vault",
    "lookup": "fraisier.secrets.lookup",
}


class Backend(Protocol):
    """What a back end of secrets must have; a module will do. What it is asked with is ``${name:address}`` in fraises.yaml."""

    @property
    def name(self) -> str:
        """The name in ``BACKENDS``, and in references."""

    def fault_of(self, address: str) -> str:
        """Why ``address`` can be none of this back end, in a few words; '' when it can. Pure: asked whenever fraises.yaml is read."""

    def fetch(
        self, addresses: Sequence[str], environ: Mapping[str, str], root: Path
    ) -> Mapping[str, str | SecretUnavailable]:
        """The value of each address, all of them in as few rounds as can be; for one that has none, the error that says why.

        Raises SecretUnavailable for what concerns all of them: nobody answers, a package is missing. ``environ`` is the environment with
        the variables of .env; ``root`` is the folder of fraises.yaml, where relative paths start. Errors never hold a value.
        """


def _missing(found: object) -> list[str]:
    return without(found, "fault_of", "fetch")


BACKENDS: Final[Mapping[str, Backend]] = Installed("back end of secrets", ENTRY_POINTS, _missing, ours=OURS)
