"""Where fraises.yaml is looked for. Standard library only: every command starts here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fraisier.errors import ConfigNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = "fraises.yaml"
VARIABLE: Final = "FRAISIER_CONFIG"


def find_config(path: str | Path | None, *, environ: Mapping[str, str], cwd: Path) -> Path:
    """The configuration file to use; a path that was named is used or refused, never passed over.

    Order: ``path``, ``FRAISIER_CONFIG``, ./fraises.yaml, ./config/fraises.yaml, the user's configuration folder,
    /etc/fraisier.
    """
    named = path or environ.get(VARIABLE)
    if named:
        return _named(cwd / named, "the given path" if path else VARIABLE)
    places = standard_places(environ, cwd)
    for place in places:
        if _exists(place):
            return place
    listed = "\n".join(f"  {place}" for place in places)
    raise ConfigNotFound(
        f"no {FILE} found; looked for\n{listed}",
        hint=f"write a first one with 'fraisier init', or name yours with --config or {VARIABLE}",
    )


def standard_places(environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """Where the file is looked for when none is named, in order."""
    places = [cwd / FILE, cwd / "config" / FILE]
    if folder := user_folder("XDG_CONFIG_HOME", ".config", environ):
        places.append(folder / FILE)
    return [*places, Path("/etc/fraisier") / FILE]


def user_folder(variable: str, below_home: str, environ: Mapping[str, str]) -> Path | None:
    """Our folder under an XDG base folder; relative values count as unset, as its specification asks."""
    base = Path(environ.get(variable, ""))
    if base.is_absolute():
        return base / "fraisier"
    home = Path(environ.get("HOME", ""))
    return home / below_home / "fraisier" if home.is_absolute() else None


def shown(path: Path, cwd: Path) -> str:
    """A path as messages show it: relative when it is below the current folder."""
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)


def _named(path: Path, source: str) -> Path:
    if not _exists(path):
        raise ConfigNotFound(f"{path}: no such file ({source})", hint="write a first one with 'fraisier init'")
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a loop of links, a name that is too long, a NUL in it
        return False
