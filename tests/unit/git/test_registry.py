"""Which providers there are, which is meant, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fraisier.errors import ConfigError
from fraisier.git import PROVIDERS, Provider, WebhookEvent, detect

BUILT_IN = ["github", "gitlab", "gitea", "forgejo", "bitbucket"]

GOOD = """
from fraisier.git import WebhookEvent
name = "sourcehut"
def verify(headers, body, secrets, *, now=None): pass
def parse(headers, body): return [WebhookEvent(name, "push", "~ada/my_api", branch="main", commit_sha="a" * 40, is_push=True)]
def delivery_id(headers): return ""
def is_unsigned_ping(headers, body): return False
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Provider]]:
    """A package with providers of its own is on the path: one that works, and several that do not."""
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad_import.py").write_text("import no_such_module_anywhere")
    (tmp_path / "bad_code.py").write_text("1 / 0")
    (tmp_path / "bad_shape.py").write_text(
        'name = "bad_shape"\nverify = parse = 1\ndef delivery_id(headers): return ""'
    )
    (tmp_path / "bad_name.py").write_text(GOOD)
    about = tmp_path / "my_providers-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-providers\nVersion: 1.0\n")
    names = ["bad_import", "bad_code", "bad_shape", "bad_name"]
    entries = ["sourcehut = good", "github = good", "no_module = not_there", *(f"{name} = {name}" for name in names)]
    (about / "entry_points.txt").write_text("\n".join(["[fraisier.git_providers]", *entries]))
    monkeypatch.syspath_prepend(str(tmp_path))
    vars(PROVIDERS).pop("_theirs", None)
    yield PROVIDERS
    vars(PROVIDERS).pop("_theirs", None)
    for name in ("good", *names):
        sys.modules.pop(name, None)


def test_ours_come_first_and_satisfy_the_protocol() -> None:
    assert list(PROVIDERS)[:5] == BUILT_IN
    for name in BUILT_IN:
        provider: Provider = PROVIDERS[name]
        assert provider.name == name
    assert len(PROVIDERS) == len(list(PROVIDERS))


def test_an_unknown_name_is_unknown() -> None:
    assert "githob" not in PROVIDERS
    assert PROVIDERS.get("githob") is None
    with pytest.raises(KeyError):
        PROVIDERS["githob"]


def test_a_provider_of_another_package_is_one_of_them(installed: Mapping[str, Provider]) -> None:
    assert "sourcehut" in installed
    (event,) = installed["sourcehut"].parse({}, b"")
    assert event.should_deploy
    assert list(installed) == [*BUILT_IN, "bad_code", "bad_import", "bad_name", "bad_shape", "no_module", "sourcehut"]
    assert len(installed) == 11


def test_a_package_cannot_take_the_place_of_one_of_ours(installed: Mapping[str, Provider]) -> None:
    assert installed["github"] is PROVIDERS["github"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("bad_import", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("no_module", "cannot be loaded: ModuleNotFoundError: No module named 'not_there'"),
        ("bad_code", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("bad_shape", "has no verify, parse, is_unsigned_ping"),
        ("bad_name", "calls itself 'sourcehut'"),
    ],
)
def test_a_broken_one_is_told_when_it_is_used_and_breaks_no_other(
    installed: Mapping[str, Provider], name: str, fault: str
) -> None:
    assert name in installed
    assert "sourcehut" in installed
    assert installed["sourcehut"].name == "sourcehut"
    with pytest.raises(ConfigError) as caught:
        installed[name]
    assert str(caught.value) == f"the git provider '{name}' of my-providers {fault}"


@pytest.mark.parametrize(
    ("names", "provider"),
    [
        ([], None),
        (["Content-Type", "X-Hub-Signature-256"], None),
        (["X-GitHub-Event"], "github"),
        (["x-gitlab-event"], "gitlab"),
        (["X-GITEA-EVENT"], "gitea"),
        (["X-Gogs-Event"], "gitea"),
        (["X-Forgejo-Event"], "forgejo"),
        (["X-Event-Key", "X-Hook-UUID"], "bitbucket"),
        (["X-Event-Key", "X-Request-Id"], "bitbucket"),
        (["X-GitHub-Event", "X-Gogs-Event", "X-Gitea-Event"], "gitea"),
        (["X-GitHub-Event", "X-Gogs-Event", "X-Gitea-Event", "X-Forgejo-Event"], "forgejo"),
        (["X-GitHub-Event", "X-Event-Key", "X-Gitlab-Event"], "gitlab"),
    ],
)
def test_the_most_telling_header_says_who_calls(names: list[str], provider: str | None) -> None:
    assert detect(dict.fromkeys(names, "push")) == provider


def test_importing_imports_neither_provider_nor_third_party_nor_configuration() -> None:
    code = """
import sys
before = set(sys.modules)
import fraisier.git
from fraisier.git import PROVIDERS, Provider, WebhookEvent, detect
from fraisier.git import remote, repository, statuses
assert "github" in PROVIDERS and detect({"X-GitHub-Event": "ping"}) == "github"
new = set(sys.modules) - before
roots = {name.partition(".")[0] for name in new}
print(sorted(roots - set(sys.stdlib_module_names) - {"fraisier"}))
print(sorted(name for name in new if name.startswith("fraisier.") and not name.startswith("fraisier.git")))
print(sorted(name for name in new if name.rpartition(".")[2] in PROVIDERS))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[]", "['fraisier.errors', 'fraisier.installed', 'fraisier.vocabulary']", "[]"]


@pytest.mark.parametrize(
    "missing", [{"branch": None}, {"commit_sha": None}, {"commit_sha": "main"}, {"is_push": False}]
)
@pytest.mark.parametrize(
    "wrong", [{}, {"is_tag": True}, {"is_ping": True}, {"is_delete": True}, {"is_merge_request": True}]
)
def test_no_provider_can_make_an_event_deploy_that_is_no_push_of_a_commit(
    missing: dict[str, object], wrong: dict[str, bool]
) -> None:
    push: dict[str, object] = {"branch": "main", "commit_sha": "a" * 40, "is_push": True}
    assert WebhookEvent("github", "push", **push).should_deploy  # type: ignore[arg-type]
    assert not WebhookEvent("github", "push", **{**push, **missing, **wrong}).should_deploy  # type: ignore[arg-type]
    if wrong:
        assert not WebhookEvent("github", "push", **push, **wrong).should_deploy  # type: ignore[arg-type]
