"""The rows of ``fraisier list`` without validating again what has not changed. Standard library only on a hit.

An entry holds the rows and digests of everything they were made from: the file, .env, the referenced variables and our
own code. Values of secrets are not in it, not even as digests; only whether each of them is set.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fraisier import config
from fraisier.config.dotenv import parse_dotenv
from fraisier.config.find import find_config, user_folder
from fraisier.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraisier.config.load import FraisierConfig
    from fraisier.config.resolved import ResolvedFraise

FORMAT: Final = 1
_LARGEST_ENTRY_BYTES: Final = 20_000_000
_CODE: Final = Path(__file__).parent.parent
_CODE_FOLDERS: Final = ("config", "fraise_types", "secrets")


@dataclass(frozen=True)
class ListingRow:
    """One line of ``fraisier list``; ``job`` is '' where there is none, ``branch`` where nothing comes from git."""

    fraise: str
    environment: str
    job: str
    type: str
    branch: str
    hosts: tuple[str, ...]
    description: str


def load_listing(path: str | Path | None, environ: Mapping[str, str], *, cwd: Path | None = None) -> list[ListingRow]:
    """Everything that can be deployed, in the order of the file. Raises ConfigError as ``FraisierConfig`` does."""
    here = cwd or Path.cwd()
    file = find_config(path, environ=environ, cwd=here)
    entry = _entry_path(file, environ)
    if entry and (rows := _remembered(entry, file, environ)) is not None:
        return rows
    loaded = config.FraisierConfig(file, environ=environ, cwd=here)
    rows = [row for resolved in loaded.all() for row in _rows(resolved)]
    if entry:
        _remember(entry, loaded, rows)
    return rows


def _rows(resolved: ResolvedFraise) -> list[ListingRow]:
    settings, target = resolved.settings, resolved.target
    jobs = getattr(settings, "jobs", None) or {"": None}
    hosts = tuple(host.name for host in settings.hosts) or ((settings.select,) if settings.select else ())
    branch = getattr(settings, "branch", "")
    return [
        ListingRow(target.fraise, target.environment, job, resolved.type, branch, hosts, resolved.description)
        for job in jobs
    ]


def _entry_path(file: Path, environ: Mapping[str, str]) -> Path | None:
    folder = user_folder("XDG_CACHE_HOME", ".cache", environ)
    return (
        folder / f"listing-{_digest(str(file.absolute()).encode('utf-8', 'surrogateescape'))[:32]}.json"
        if folder
        else None
    )


def _remembered(entry: Path, file: Path, environ: Mapping[str, str]) -> list[ListingRow] | None:
    """The rows of an entry that still holds; None, whatever the reason, when it does not."""
    try:
        if entry.stat().st_size > _LARGEST_ENTRY_BYTES:
            return None
        stored = json.loads(entry.read_bytes())
        content, dotenv = file.read_bytes(), _dotenv(file)
        if stored["sources"] != _sources(content, dotenv):
            return None
        known = {**(parse_dotenv(dotenv) if dotenv else {}), **environ}
        if not (_same_values(stored["variables"], known) and _same_presence(stored["secrets"], known)):
            return None
        return [_row(row) for row in stored["rows"]]
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, ConfigError):
        return None


def _row(stored: Any) -> ListingRow:
    row = ListingRow(**{**stored, "hosts": tuple(stored["hosts"])})
    texts = (row.fraise, row.environment, row.job, row.type, row.branch, row.description, *row.hosts)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("not a row")
    return row


def _same_values(stored: dict[str, str | None], known: Mapping[str, str]) -> bool:
    return stored == _values(stored, known)


def _same_presence(stored: dict[str, bool | None], known: Mapping[str, str]) -> bool:
    return stored == _presence(stored, known)


def _values(names: Any, known: Mapping[str, str]) -> dict[str, str | None]:
    return {name: _digest(known[name].encode("utf-8", "surrogateescape")) if name in known else None for name in names}


def _presence(names: Any, known: Mapping[str, str]) -> dict[str, bool | None]:
    # an empty secret may be refused where a missing one is not, and the other way round
    return {name: bool(known[name]) if name in known else None for name in names}


def _sources(content: bytes, dotenv: bytes | None) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "content": _digest(content),
        "dotenv": None if dotenv is None else _digest(dotenv),
        "code": _code(),
    }


def _code() -> str:
    """Changes with every version of ours, and with every edit of a checkout."""
    found = []
    for folder in _CODE_FOLDERS:
        with os.scandir(_CODE / folder) as files:
            for file in files:
                if file.name.endswith(".py"):
                    state = file.stat()
                    found.append(f"{folder}/{file.name} {state.st_size} {state.st_mtime_ns}")
    return _digest("\n".join(sorted(found)).encode())


def _dotenv(file: Path) -> bytes | None:
    beside = file.parent / ".env"
    return beside.read_bytes() if beside.is_file() else None


def _remember(entry: Path, loaded: FraisierConfig, rows: list[ListingRow]) -> None:
    """Writes the entry in one step, readable by its owner only. A cache that cannot be written is no error."""
    sources = loaded.sources
    stored = {
        "sources": _sources(sources.content, sources.dotenv),
        "variables": _values(sorted(sources.variables), sources.environ),
        "secrets": _presence(sorted(sources.secret_variables), sources.environ),
        "rows": [asdict(row) for row in rows],
    }
    fresh = entry.with_name(f".{entry.name}.{os.getpid()}")
    try:
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(stored, file)
        fresh.replace(entry)
    except OSError:
        with suppress(OSError):
            fresh.unlink()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
