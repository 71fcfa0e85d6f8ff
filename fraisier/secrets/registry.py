"""Which back ends of secrets there are: ours by literal names, those of packages by entry points; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from fraisier.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
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


class _Backends(Mapping[str, Backend]):
    """Names -> back ends. Looking up one that is installed and cannot be used raises ConfigError; one that is not, KeyError."""

    def __getitem__(self, name: str) -> Backend:
        if name in OURS:
            return cast("Backend", import_module(OURS[name]))
        return _loaded(self._theirs[name])

    def __contains__(self, name: object) -> bool:
        return name in OURS or name in self._theirs

    def __iter__(self) -> Iterator[str]:
        yield from OURS
        yield from self._theirs

    def __len__(self) -> int:
        return len(OURS) + len(self._theirs)

    @cached_property
    def _theirs(self) -> Mapping[str, EntryPoint]:
        from importlib.metadata import entry_points

        found = {each.name: each for each in entry_points(group=ENTRY_POINTS)}
        return {name: found[name] for name in sorted(found) if name not in OURS}


def _loaded(entry_point: EntryPoint) -> Backend:
    name = entry_point.name
    package = entry_point.dist.name if entry_point.dist else entry_point.value
    try:
        backend = entry_point.load()
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the back end of secrets {name!r} of {package} cannot be loaded: {fault}") from error
    missing = [each for each in ("fault_of", "fetch") if not callable(getattr(backend, each, None))]
    if missing:
        raise ConfigError(f"the back end of secrets {name!r} of {package} has no {', '.join(missing)}")
    if getattr(backend, "name", None) != name:
        raise ConfigError(
            f"the back end of secrets {name!r} of {package} calls itself {getattr(backend, 'name', None)!r}"
        )
    return cast("Backend", backend)


BACKENDS: Final[Mapping[str, Backend]] = _Backends()
