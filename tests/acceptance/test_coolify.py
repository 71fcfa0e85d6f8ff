"""An application in Coolify from its first deployment to its rollback, as a user types it. Coolify itself is a stand-in."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import FRAISIER, wait_for
from tests.coolify import APPLICATION, TOKEN, Coolify, coolify
from tests.processes import command_lines

CONFIG = """\
environments:
  production: {{hosts: [web1, web2], user: deploy}}
fraises:
  shop:
    type: coolify
    git_repo: {repository}
    environments:
      production:
        url: {url}
        token: ${{COOLIFY_TOKEN}}
        application: {application}
        poll_seconds: 0.1
        deploy_timeout_seconds: 60
        health_check: {{url: "{url}/app/health", version_json: version, timeout_seconds: 1}}
"""


@dataclass
class Shop:
    root: Path
    server: Coolify

    @property
    def environ(self) -> dict[str, str]:
        git = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return git | {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "COOLIFY_TOKEN": TOKEN,
            "FRAISIER_CONFIG": str(self.root / "fraises.yaml"),
            "FRAISIER_DATABASE_URL": f"sqlite:///{self.root / 'fraisier.db'}",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }

    def git(self, *arguments: str) -> str:
        argv = ["git", "-C", str(self.root / "repository"), *arguments]
        return subprocess.run(argv, env=self.environ, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> str:
        self.git("commit", "--quiet", "--allow-empty", "--message", "more")
        return self.git("rev-parse", "HEAD")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        argv = [FRAISIER, *arguments]
        return subprocess.Popen(
            argv, env=self.environ, cwd=self.root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def fraisier(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        with self.start(*arguments, "--json") as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == expect, f"{process.returncode}\n{out}\n{err}"
        assert TOKEN not in out + err
        return dict(json.loads(out))

    def deployed(self, word: str = "deploy", expect: int = 0) -> dict[str, Any]:
        return dict(self.fraisier(word, "shop", "production", expect=expect)["deployment"])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with coolify() as server:
        found = Shop(tmp_path, server)
        (tmp_path / "repository").mkdir()
        found.git("init", "--quiet", "--initial-branch=main")
        text = CONFIG.format(repository=tmp_path / "repository", url=server.url, application=APPLICATION)
        (tmp_path / "fraises.yaml").write_text(text)
        yield found


def test_a_commit_is_deployed_replaced_refused_and_brought_back(shop: Shop) -> None:
    server, one = shop.server, shop.commit()
    assert shop.deployed()["status"] == "success"
    assert server.serving == one
    assert shop.deployed()["status"] == "unchanged"

    two = shop.commit()
    server.away = 3
    assert shop.deployed()["status"] == "success"
    assert server.serving == two

    three = shop.commit()
    server.broken.add(three)
    ended = shop.deployed(expect=1)
    assert ended["status"] == "rolled_back", ended
    assert "npm ERR! no such script: build" in json.dumps(ended)
    assert (server.serving, server.pinned) == (two, two)

    four = shop.commit()
    server.unhealthy.add(four)
    assert shop.deployed(expect=5)["status"] == "rolled_back"
    assert server.serving == two

    assert shop.deployed("rollback")["status"] == "success"
    assert server.serving == one
    _stands(shop, one)
    _nothing_holds_the_token(shop)


def _stands(shop: Shop, commit: str) -> None:
    """As status and doctor tell it."""
    (target,) = shop.fraisier("status", "shop", "production", "--live")["fraises"]
    (host,) = target["hosts"]
    assert (host["version"], host["service"], host["healthy"], host["drift"]) == (commit, "running", True, [])
    assert shop.fraisier("doctor", "shop", "production")


def _nothing_holds_the_token(shop: Shop) -> None:
    with closing(sqlite3.connect(shop.root / "fraisier.db")) as database:
        assert TOKEN not in "\n".join(database.iterdump())
    texts = [path.read_bytes() for path in shop.root.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in text for text in texts)


def test_cancelling_cancels_there_and_a_first_deployment_goes_back_to_what_was_there(shop: Shop) -> None:
    server = shop.server
    before = shop.commit()
    server.add("byhand", before, "finished")
    shop.commit()
    server.script = ("in_progress",)
    with shop.start("deploy", "shop", "production", "--json") as process:
        try:
            ours = wait_for(
                lambda: [each for each in server.deployments if each["status"] == "in_progress"], "it deploys", 90
            )
            lines = [line for command in command_lines().values() for line in command]
            server.script = ("finished",)
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    ended = json.loads(out)["deployment"]
    assert ended["status"] == "cancelled", f"{ended}\n{err}"
    assert ours[0]["status"] == "cancelled-by-user"
    assert (server.serving, server.pinned) == (before, before)
    assert not [line for line in lines if TOKEN in line]
