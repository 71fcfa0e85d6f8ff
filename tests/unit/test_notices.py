"""Who is told, and in which words: pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fraisier.config.notices import Notices, host_of
from fraisier.notify.announce import OCCASIONS, STATES
from fraisier.notify.deliver import PAUSES_SECONDS, next_attempt
from fraisier.notify.facts import LONGEST, line
from fraisier.notify.message import DESCRIPTION_CHARACTERS, description, duration, message
from fraisier.vocabulary import Kind, Status
from tests.integration.notify.ending import COMMIT, OLDER


def facts(**more: Any) -> dict[str, Any]:
    return {
        "id": "3f2a9c1d-0000-4000-8000-000000000000",
        "target": "my_api/production",
        "fraise": "my_api",
        "environment": "production",
        "kind": "deploy",
        "status": "success",
        "actor": "ann",
        "trigger": "webhook",
        "branch": "main",
        "commit": COMMIT,
        "before": OLDER,
        "seconds": 41.4,
        "error": "",
        "compensation": "",
        "owed": [],
        **more,
    }


@pytest.mark.parametrize(
    ("git_repo", "host"),
    [
        ("https://github.com/acme/my_api.git", "github.com"),
        ("https://ann:s3cret@Git.Example.com:8443/acme/my_api", "git.example.com"),
        ("ssh://git@git.example.com:2222/acme/my_api.git", "git.example.com"),
        ("git@github.com:acme/my_api.git", "github.com"),
        ("github.com:acme/my_api.git", "github.com"),
        ("ssh://git@[2001:db8::1]/acme/my_api.git", "2001:db8::1"),
        ("/srv/git/my_api.git", ""),
        ("./a:b", ""),
        ("https://[oops/x", ""),
        ("", ""),
    ],
)
def test_host_of_a_repository(git_repo: str, host: str) -> None:
    assert host_of(git_repo) == host


def test_a_repository_has_the_provider_of_its_host() -> None:
    found = Notices(statuses=(("github.com", "github"), ("git.example.com", "gitea")))
    assert found.provider("git@github.com:acme/my_api.git") == "github"
    assert found.provider("https://git.example.com/acme/my_api") == "gitea"
    assert found.provider("/srv/git/my_api.git") == found.provider("https://gitlab.com/a/b") == ""


def test_success_is_short() -> None:
    said = message(facts())
    assert (said.title, said.kind) == ("my_api/production: deployed c0ffee0000", "success")
    assert said.body == "commit c0ffee0000 of main, was aaaaaaaaaa\nasked for by ann (webhook), took 41 s"


@pytest.mark.parametrize("status", [Status.FAILED, Status.ROLLED_BACK, Status.ROLLBACK_FAILED, Status.INTERRUPTED])
def test_every_bad_end_says_what_happened_and_what_to_type_next(status: Status) -> None:
    said = message(facts(status=status.value, error="web1: health: no answer", compensation="web1 is back"))
    assert said.title.startswith("my_api/production: ")
    assert "web1: health: no answer\nweb1 is back\n" in said.body
    assert said.body.endswith("next: fraisier logs 3f2a9c1d")
    assert said.kind == ("warning" if status is Status.ROLLED_BACK else "failure")


def test_a_commit_that_is_being_deployed_says_so() -> None:
    assert description(facts(state="pending", status="in_progress")) == "being deployed to production"


def test_recovery_rollback_and_a_host_that_was_not_reached_show() -> None:
    assert message(facts(recovered=True)).title == "my_api/production: recovered, deployed c0ffee0000"
    assert message(facts(kind="rollback")).title == "my_api/production: went back to c0ffee0000"
    said = message(facts(owed=["web2"]))
    assert said.kind == "warning"
    assert said.body.endswith("not reached: web2\nnext: fraisier resume my_api production")


@pytest.mark.parametrize("commit", ["", COMMIT])
@pytest.mark.parametrize("before", ["", OLDER])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("status", sorted({*OCCASIONS, *STATES}))
def test_every_end_has_words(status: Status, kind: Kind, before: str, commit: str) -> None:
    given = facts(status=status.value, kind=kind.value, before=before, commit=commit, branch="", seconds=None)
    assert message(given).title.strip() == message(given).title
    state = STATES[status]
    said = description({**given, "state": state, "error": "x" * LONGEST})
    assert 0 < len(said) <= DESCRIPTION_CHARACTERS
    assert not description({**given, "state": state}).endswith(": ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, ""),
        ("\n\n first \nsecond", "first"),
        ("a\x1b[31mred\x00", "a [31mred"),
        ("see https://ann:s3cret@git.example.com/x", "see https://***@git.example.com/x"),
    ],
)
def test_a_line_of_facts(text: str | None, said: str) -> None:
    assert line(text) == said
    assert len(line("x" * 10_000)) == LONGEST


def test_durations() -> None:
    assert [duration(each) for each in (None, 0.44, 12.3, 61, 3600)] == [
        "no time",
        "0.4 s",
        "12 s",
        "1 min 1 s",
        "60 min 0 s",
    ]


def test_attempts_come_later_and_later_and_end() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    moments = [next_attempt(number, now) for number in range(1, len(PAUSES_SECONDS) + 2)]
    assert [(moment - now).total_seconds() if moment else None for moment in moments] == [*PAUSES_SECONDS, None]
