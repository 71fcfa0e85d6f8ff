"""Both databases, a fraises.yaml that tells two places, and a server that they are on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraisier.config import FraisierConfig
from tests.integration.record.conftest import (
    database_url,
    ledger,
    postgresql_server,
    postgresql_template,
    postgresql_url,
    sqlite_url,
    target,
)
from tests.receiver import Receiver, receiving

__all__ = [
    "database_url",
    "ledger",
    "postgresql_server",
    "postgresql_template",
    "postgresql_url",
    "sqlite_url",
    "target",
]

REPOSITORY = "https://git.example.com/acme/my_api.git"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


Configured = Callable[..., FraisierConfig]


@pytest.fixture
def configured(tmp_path: Path, receiver: Receiver) -> Configured:
    """A configuration whose first place is the receiver's /one and whose second its /two; keywords are further notification settings."""

    def make(*, git: dict[str, Any] | None = None, git_repo: str = REPOSITORY, **settings: Any) -> FraisierConfig:
        urls = ["json://robot:${PASSWORD}@" + f"{receiver.place}/{name}" for name in ("one", "two")]
        production = {"app_path": "/srv/a", "connection": "local", "branch": "main"}
        fraise = {
            "type": "api",
            "git_repo": git_repo,
            "systemd_service": "my_api.service",
            "health_check": {"url": "http://127.0.0.1:1/"},
            "environments": {"production": production},
        }
        document = {
            "git": git or {},
            "fraises": {"my_api": fraise},
            "notifications": {"urls": urls, **settings},
        }
        path = tmp_path / "fraises.yaml"
        path.write_text(yaml.safe_dump(document))
        return FraisierConfig(path, environ={"PASSWORD": "hunter2-hunter2", "TOKEN": "token-token-token"})

    return make


@pytest.fixture
def config(configured: Configured) -> FraisierConfig:
    return configured()
