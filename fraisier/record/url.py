"""Where the ledger lives: the default place, reading a database URL, and showing one without its password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from fraisier.errors import LedgerError

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
_SCHEMES = {
    "sqlite": SQLITE,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "postgresql+psycopg": POSTGRESQL,
}
_SECRET_PARAMETERS = frozenset({"password", "sslpassword", "passfile"})


@dataclass(frozen=True)
class Place:
    """A database URL, understood. ``repr`` and ``str`` never show a password."""

    engine: str
    shown: str
    path: Path | None = None
    _url: str = ""

    def __repr__(self) -> str:
        return f"Place({self.shown})"

    def __str__(self) -> str:
        return self.shown

    @property
    def password(self) -> str:
        """For taking it out of a driver's messages."""
        return unquote(urlsplit(self._url).password or "")

    def reveal(self, scheme: str = POSTGRESQL) -> str:
        """The PostgreSQL URL with its password, for a driver and for nothing else."""
        return urlunsplit(urlsplit(self._url)._replace(scheme=scheme))


def default_url(environ: Mapping[str, str]) -> str:
    """FRAISIER_DATABASE_URL, or the SQLite file in the XDG state folder."""
    if url := environ.get("FRAISIER_DATABASE_URL", "").strip():
        return url
    state = environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path there is to be ignored.
    folder = Path(state) if state.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return f"sqlite:///{folder / 'fraisier' / 'fraisier.db'}"


def read_url(url: str) -> Place:
    """Understand ``sqlite:////absolute/path``, ``sqlite:///relative`` and ``postgresql://user@host/name``."""
    scheme, separator, rest = url.partition("://")
    engine = _SCHEMES.get(scheme.lower())
    if not separator or engine is None:
        known = "sqlite:////path/to/file.db or postgresql://user@host/name"
        raise _refused(f"database URL of scheme {scheme!r}" if separator else "database URL", f"expected {known}")
    if engine == POSTGRESQL:
        return Place(POSTGRESQL, _without_password(url), None, url)
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or not path or path == ":memory:":
        raise _refused(
            f"database URL {url!r}", "the ledger must outlive the process: name a file, sqlite:////path/to/file.db"
        )
    place = Path(path).expanduser().absolute()
    return Place(SQLITE, f"sqlite:///{place}", place)


def _refused(what: str, hint: str) -> LedgerError:
    error = LedgerError(f"{what}: not a place that Fraisier can keep its ledger in", hint=hint)
    error.retriable = False
    return error


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
        user = (parts.username or "") + (":***" if parts.password is not None else "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        # From None: the parser's own message quotes the URL.
        raise _refused(
            "database URL", "host or port cannot be read; percent-encode special characters of the password"
        ) from None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(key, "***" if key in _SECRET_PARAMETERS else value) for key, value in pairs], safe="*/")
    return urlunsplit((POSTGRESQL, f"{user}@{host}{port}" if user else f"{host}{port}", parts.path, query, ""))
