"""The real application on both databases, called as a server calls it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

from fraisier.record.ledger import Ledger
from fraisier.web.app import Application, create_app
from tests.integration.record.conftest import (
    database_url,
    ledger,
    postgresql_server,
    postgresql_template,
    postgresql_url,
    sqlite_url,
)

__all__ = ["database_url", "ledger", "postgresql_server", "postgresql_template", "postgresql_url", "sqlite_url"]

SECRET = "a-secret-of-more-than-24-characters"
ENVIRON = {
    "SECRET": SECRET,
    "OLD": "the-secret-before-the-present-one",
    "PARTNER": "another-secret-of-a-partner-of-ours",
}
SIGNING_TOKEN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FRAISES = """\
git:
  github: {webhook_secret: ["${SECRET}", "${OLD}"]}
  gitlab: {webhook_secret: "${SECRET}"}
  gitea: {webhook_secret: "${SECRET}"}
  forgejo: {webhook_secret: "${SECRET}"}
  bitbucket: {webhook_secret: "${SECRET}"}
hooks:
  partner: {provider: github, secrets: "${PARTNER}", repositories: [partner/app]}
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/octo/my_api.git
    install: make
    health_check: {url: "http://127.0.0.1:1/"}
    service: {manager: none}
    hosts: [web1]
    environments:
      production: {branch: main, app_path: /srv/a}
      staging: {branch: develop, app_path: /srv/b}
  worker:
    type: api
    git_repo: https://git.example.com/octo/my_api.git
    install: make
    health_check: {url: "http://127.0.0.1:1/"}
    service: {manager: none}
    hosts: [web1]
    environments:
      production: {branch: main, app_path: /srv/c}
"""


def github_push(branch: str = "main", commit: str = "a" * 40, repository: str = "octo/my_api") -> dict[str, Any]:
    return {
        "ref": f"refs/heads/{branch}",
        "before": "1" * 40,
        "after": commit,
        "repository": {"full_name": repository},
        "sender": {"login": "ann"},
        "head_commit": {"id": commit},
        "commits": [],
    }


def github(body: bytes, delivery: str = "d-1", *, event: str = "push", secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={digest}",
    }


class Caller:
    """Calls an application; ``client`` is the address that it sees."""

    def __init__(self, application: Application, client: str = "203.0.113.7") -> None:
        self.application = application
        self._runner = asyncio.Runner()
        self._client = client

    def post(
        self,
        path: str = "/webhook",
        content: Any = b"",
        headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]
        *,
        client: str = "",
        method: str = "POST",
    ) -> httpx.Response:
        return self._runner.run(self._send(method, path, content, headers, client or self._client))

    def push(self, delivery: str = "d-1", path: str = "/webhook", **about: Any) -> httpx.Response:
        body = json.dumps(github_push(**about)).encode()
        return self.post(path, body, github(body, delivery))

    def at_once(self, requests: list[tuple[bytes, dict[str, str]]]) -> list[httpx.Response]:
        async def all_of_them() -> list[httpx.Response]:
            sent = [self._send("POST", "/webhook", body, headers, self._client) for body, headers in requests]
            return list(await asyncio.gather(*sent))

        return self._runner.run(all_of_them())

    async def _send(self, method: str, path: str, content: Any, headers: Any, client: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.application, client=(client, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://fraisier.test") as sending:
            return await sending.request(method, path, content=content, headers=headers or None)

    def close(self) -> None:
        self.application.writer.stop()
        self._runner.close()


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "fraises.yaml"
    path.write_text(FRAISES)
    return path


@pytest.fixture
def caller(configuration: Path, ledger: Ledger) -> Iterator[Caller]:
    """The application on either database."""
    found = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
    yield found
    found.close()


@pytest.fixture
def local(configuration: Path, sqlite_url: str) -> Iterator[Caller]:
    """The application on SQLite, for what the database has no part in."""
    with Ledger(sqlite_url) as opened:
        found = Caller(create_app(configuration, ledger=opened, environ=ENVIRON))
        yield found
        found.close()


def with_sections(configuration: Path, text: str) -> None:
    """Add sections to the file."""
    configuration.write_text(FRAISES + dedent(text))
