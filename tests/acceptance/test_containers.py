"""A compose project from its first deployment to its rollback, as a user types it, on real containers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import FRAISIER, free_port
from tests.containers import BASE, CannotRun, Containers, start

pytestmark = pytest.mark.xdist_group("containers")  # one podman for all of them

EXAMPLE = Path(__file__).parents[2] / "examples" / "containers"

CONFIG = """\
fraises:
  hello:
    type: docker_compose
    git_repo: {repository}
    build: true
    start_timeout_seconds: 60
    stop_timeout_seconds: 1
    keep_releases: 2
    environments:
      production:
        connection: local
        app_path: {app}
        environment: {{PORT: "{port}"}}
        health_check: {{url: "http://127.0.0.1:{port}/", version_json: version, timeout_seconds: 30}}
"""


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    try:
        found = start(tmp_path_factory.mktemp("containers") / "podman")
    except CannotRun as reason:
        pytest.skip(f"no containers here: {reason}")
    yield found
    found.end()


@dataclass
class Place:
    """The example in a repository, and where it is deployed to."""

    root: Path
    containers: Containers
    port: int

    @property
    def environ(self) -> dict[str, str]:
        names = ("AUTHOR", "COMMITTER")
        git = {f"GIT_{who}_{what}": "test@example.com" for who in names for what in ("NAME", "EMAIL")}
        return git | {
            "PATH": f"{self.containers.bin}:{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "FRAISIER_CONFIG": str(self.root / "fraises.yaml"),
            "FRAISIER_DATABASE_URL": f"sqlite:///{self.root / 'fraisier.db'}",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            (self.root / "repository" / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "more")
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        argv = ["git", "-C", str(self.root / "repository"), *arguments]
        return subprocess.run(argv, env=self.environ, check=True, capture_output=True, text=True).stdout.strip()

    def fraisier(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        done = subprocess.run(
            [FRAISIER, *arguments, "--json"],
            env=self.environ,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == expect, f"{done.stdout}\n{done.stderr}"
        return dict(json.loads(done.stdout))

    def answer(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as response:
            return dict(json.load(response))


@pytest.fixture
def place(tmp_path: Path, containers: Containers) -> Iterator[Place]:
    found = Place(tmp_path, containers, free_port())
    shutil.copytree(EXAMPLE, tmp_path / "repository")
    found.git("init", "--quiet", "--initial-branch=main")
    containerfile = (EXAMPLE / "Containerfile").read_text()
    found.commit(Containerfile=containerfile.replace("docker.io/library/busybox:1.36", BASE))
    config = CONFIG.format(repository=tmp_path / "repository", app=tmp_path / "app", port=found.port)
    (tmp_path / "fraises.yaml").write_text(config)
    yield found
    containers.remove("fraisier-hello-production")


def test_compose_project_is_deployed_upgraded_broken_and_brought_back(place: Place) -> None:
    serve = (EXAMPLE / "serve").read_text()
    first = place.git("rev-parse", "HEAD")
    assert place.fraisier("deploy", "hello", "production")["deployment"]["status"] == "success"
    assert place.answer() == {"version": first, "says": "hello"}
    assert len(place.containers.names("fraisier-hello-production")) == 2
    assert place.fraisier("deploy", "hello", "production")["deployment"]["status"] == "unchanged"

    second = place.commit(serve=serve.replace("hello", "good day"))
    assert place.fraisier("deploy", "hello", "production")["deployment"]["status"] == "success"
    assert place.answer() == {"version": second, "says": "good day"}

    place.commit(serve="echo there is no database >&2; exit 7\n")
    broken = place.fraisier("deploy", "hello", "production", expect=1)["deployment"]
    assert broken["status"] == "rolled_back"
    assert "web has ended with exit code 7" in json.dumps(broken)
    assert "web | there is no database" in json.dumps(broken)
    assert place.answer() == {"version": second, "says": "good day"}

    assert place.fraisier("rollback", "hello", "production")["deployment"]["status"] == "success"
    assert place.answer() == {"version": first, "says": "hello"}
    (host,) = place.fraisier("status", "--live")["fraises"][0]["hosts"]
    assert (host["service"], host["healthy"], host["drift"]) == ("running", True, [])
