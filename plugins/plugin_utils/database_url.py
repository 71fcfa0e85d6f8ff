"""Where a database is, from its URL: what libpq reads in its environment, so that no password stands in an argv. Pure."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError

# Parameters of a connection URL that libpq also takes from its environment, where that is not PG and the name without underscores.
SPECIAL = {
    "dbname": "PGDATABASE",
    "application_name": "PGAPPNAME",
    "krbsrvname": "PGKRBSRVNAME",
    "client_encoding": "PGCLIENTENCODING",
    "channel_binding": "PGCHANNELBINDING",
}
PARAMETERS = (
    *(
        "host",
        "hostaddr",
        "port",
        "user",
        "password",
        "passfile",
        "service",
        "options",
        "connect_timeout",
        "gssencmode",
    ),
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "sslnegotiation", "requirepeer"),
    *("target_session_attrs", "load_balance_hosts", *SPECIAL),
)


def kind_of(url: str) -> str:
    """``postgresql``, ``sqlite`` or '' by the scheme; a driver (``postgresql+psycopg``) does not matter."""
    scheme = url.partition(":")[0].partition("+")[0].lower()
    return {"postgres": "postgresql", "postgresql": "postgresql", "sqlite": "sqlite"}.get(scheme, "")


def libpq_environment(url: str) -> dict[str, str]:
    """The parts of a PostgreSQL URL by libpq's variables. Raises ArgumentError, which never shows the URL."""
    rest = url.partition("://")[2]
    if not rest and not url.endswith("://"):
        raise ArgumentError("url must be postgresql://…")
    place, _, query = rest.partition("?")
    place, _, name = place.partition("/")
    login, _, addresses = place.rpartition("@")
    user, _, password = login.partition(":")
    hosts, ports = _hosts(addresses)
    found = {
        "PGUSER": unquote(user),
        "PGPASSWORD": unquote(password),
        "PGHOST": hosts,
        "PGPORT": ports,
        "PGDATABASE": unquote(name),
    }
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in PARAMETERS:
            raise ArgumentError(f"url has a parameter that libpq has no variable for: {key}")
        found[SPECIAL.get(key) or f"PG{key.replace('_', '').upper()}"] = value
    return {key: value for key, value in found.items() if value}


def _hosts(addresses: str) -> tuple[str, str]:
    """Hosts and ports as libpq takes lists of them, with commas between; [::1] is an address with colons."""
    hosts, ports = [], []
    for address in addresses.split(","):
        host, bracket, port = address.rpartition("]") if address.startswith("[") else ("", "", address)
        if not bracket:
            host, _, port = address.partition(":")
        hosts.append(unquote(host.removeprefix("[")))
        ports.append(port.removeprefix(":"))
    return ",".join(hosts).strip(","), ",".join(ports).strip(",")


def sqlite_path(url: str) -> str:
    """The absolute path in ``sqlite:////srv/data.db``."""
    path = unquote(url.partition("://")[2].partition("?")[0].removeprefix("/"))
    if not path.startswith("/"):
        raise ArgumentError(
            "url of an SQLite database must have an absolute path, with four slashes: sqlite:////srv/my.db"
        )
    return path
