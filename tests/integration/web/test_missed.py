"""Pushes that no webhook told of, found in real repositories; and paths of a repository that holds several things."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraisier.config import FraisierConfig
from fraisier.deliveries.desk import Desk
from fraisier.deliveries.missed import catch_up
from fraisier.errors import TargetUnreachable
from fraisier.git.mirror import changed_paths
from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.turns import take_turn
from fraisier.vocabulary import Status, Target
from tests.integration.web.conftest import ENVIRON

API = Target("my_api", "production")


class Repository:
    """A repository on this disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main", str(path), inside=False)

    def git(self, *arguments: str, inside: bool = True) -> str:
        identity = {
            f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", *(["-C", str(self.path)] if inside else []), *arguments],
            env={**os.environ, **identity},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, *names: str) -> str:
        for name in names:
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{file.stat().st_size if file.exists() else 0} {name}\n" * (2 if file.exists() else 1))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "octo" / "my_api")


@pytest.fixture
def desk(tmp_path: Path, repository: Repository) -> Desk:
    file = tmp_path / "fraises.yaml"
    file.write_text(
        f"""\
git: {{github: {{webhook_secret: "${{SECRET}}"}}}}
fraises:
  my_api:
    type: api
    git_repo: {repository.path}
    install: make
    health_check: {{url: "http://127.0.0.1:1/"}}
    service: {{manager: none}}
    hosts: [web1]
    environments: {{production: {{branch: main, app_path: /srv/a}}}}
"""
    )
    return Desk(FraisierConfig(file, environ=ENVIRON))


@pytest.fixture
def opened(sqlite_url: str) -> Iterator[Ledger]:
    with Ledger(sqlite_url) as found:
        yield found


def deployed(ledger: Ledger, commit: str, status: Status = Status.SUCCESS) -> None:
    row = write.claim(ledger, write.request(ledger, API).id, Owner.here())
    write.finish(ledger, row, status, new_version=commit, release_id=f"r-{commit[:8]}")


def test_a_push_that_was_missed_is_asked_for_once(opened: Ledger, desk: Desk, repository: Repository) -> None:
    deployed(opened, repository.commit("one"))
    assert catch_up(opened, desk, os.environ) == {}
    tip = repository.commit("two")
    assert catch_up(opened, desk, os.environ) == {API: tip}
    assert catch_up(opened, desk, os.environ) == {}
    waiting = read.pending(opened, API)
    assert waiting
    assert (waiting.actor, waiting.background, waiting.details["pushed"]["commit"]) == ("reconcile", True, tip)
    (audit,) = opened.query("SELECT * FROM tb_audit_log")
    assert (audit["door"], audit["deployment_id"]) == ("reconcile", waiting.id)


def test_what_failed_or_was_never_deployed_is_left_alone(opened: Ledger, desk: Desk, repository: Repository) -> None:
    first = repository.commit("one")
    assert catch_up(opened, desk, os.environ) == {}, "never deployed"
    deployed(opened, first)
    deployed(opened, repository.commit("two"), Status.FAILED)
    assert catch_up(opened, desk, os.environ) == {}
    third = repository.commit("three")
    assert catch_up(opened, desk, os.environ) == {API: third}


def test_a_repository_that_does_not_answer_is_left_for_the_next_time(
    opened: Ledger, desk: Desk, repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    deployed(opened, repository.commit("one"))
    repository.path.rename(repository.path.with_name("away"))
    assert catch_up(opened, desk, os.environ) == {}
    assert "a repository cannot be asked" in caplog.text


def test_one_of_several_servers_looks(ledger: Ledger) -> None:
    from datetime import UTC, datetime

    noon, later = datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
    assert [take_turn(ledger, "reconcile", noon) for _ in range(3)] == [True, False, False]
    assert [take_turn(ledger, "reconcile", later) for _ in range(2)] == [True, False]
    assert len(ledger.query("SELECT due_at FROM tb_schedule_tick")) == 1


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["services/api"], ["services/api/a.py"]),
        (["services/*/a.py"], ["services/api/a.py", "services/web/a.py"]),
        (["**/*.py"], ["lib/deep/x.py", "services/api/a.py", "services/web/a.py"]),
        (["services", "!services/web"], ["services/api/a.py"]),
        (["!**/*.py"], ["README.md"]),
        (["other", "services/ap"], []),
    ],
)
def test_paths_say_what_a_push_concerns(
    tmp_path: Path, repository: Repository, patterns: list[str], expected: list[str]
) -> None:
    old = repository.commit("services/api/a.py", "services/web/a.py", "lib/deep/x.py", "README.md", "other.txt/kept")
    new = repository.commit("services/api/a.py", "services/web/a.py", "lib/deep/x.py", "README.md")
    found = changed_paths(str(repository.path), "main", old, new, patterns, tmp_path / "mirrors", os.environ)
    assert found == expected


def test_a_moved_file_concerns_both_its_places(tmp_path: Path, repository: Repository) -> None:
    old = repository.commit("services/api/a.py")
    (repository.path / "lib").mkdir()
    (repository.path / "services/api/a.py").rename(repository.path / "lib/a.py")
    new = repository.commit()
    for pattern, expected in (("services/api", ["services/api/a.py"]), ("lib", ["lib/a.py"])):
        assert changed_paths(str(repository.path), "main", old, new, [pattern], tmp_path / "m", os.environ) == expected


def test_where_the_history_does_not_say_it_everything_may_have_changed(tmp_path: Path, repository: Repository) -> None:
    old = repository.commit("a")
    repository.git("commit", "--quiet", "--amend", "--message", "forced")
    new = repository.git("rev-parse", "HEAD")
    asked = (["nothing"], tmp_path / "mirrors", os.environ)
    assert changed_paths(str(repository.path), "main", old, new, *asked) is None
    assert changed_paths(str(repository.path), "main", "f" * 40, new, *asked) is None
    with pytest.raises(TargetUnreachable):
        changed_paths(str(repository.path), "nowhere", old, new, *asked)
