"""The pure parts of the plugins: arguments, quoting, protocol, repository URLs, versions, Alembic's history."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.fraisier.deploy.plugins.action import git as git_action
from ansible_collections.fraisier.deploy.plugins.action import service
from ansible_collections.fraisier.deploy.plugins.action.migrate import find_tool
from ansible_collections.fraisier.deploy.plugins.plugin_utils import http_check, migration, protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_alembic import reach, read_history
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_confiture import place, versions
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration_django import DjangoTool
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from estate import release_id
from hypothesis import given
from hypothesis import strategies as st

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = {
    "app_path": "/srv/web",
    "release_id": release_id(COMMIT),
    "version": COMMIT,
    "repo": "https://git.example.com/a.git",
}
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"repo": "ext::sh -c touch% /tmp/hacked"}, "repo must be"),
        ({"repo": "--upload-pack=touch /tmp/hacked"}, "repo must be"),
        ({"repo": "relative/path"}, "repo must be"),
        ({"repo": ""}, "repo is required"),
        ({"release_id": "../../etc"}, "release_id has not the right form"),
        ({"release_id": release_id(COMMIT) + "\n"}, "release_id must be one line"),
        ({"version": "main; touch hacked"}, "version has not the right form"),
        ({"app_path": "relative"}, "app_path must be an absolute path"),
        ({"app_path": "/srv/../etc"}, "app_path must be an absolute path"),
        ({"app_path": "/srv/a\0b"}, "app_path must not hold NUL"),
        ({"app_path": "//"}, "app_path must not be /"),
        ({"shared": ["../outside/"]}, "shared must be a relative path"),
        ({"shared": ["/etc/"]}, "shared must be a relative path"),
        ({"shared": ["a\nb"]}, "shared has an entry"),
        ({"shared": ["REVISION"]}, "shared must not name"),
        ({"shared": {"a": "b"}}, "shared must be a list"),
        ({"environment": {"A B": "c"}}, "no variable name"),
        ({"environment": {"A": ["secret"]}}, "environment.A must be a text"),
        ({"environment": "secret"}, "environment must be a mapping"),
        ({"submodules": "perhaps"}, "submodules must be true or false"),
        ({"timeout_seconds": "soon"}, "timeout_seconds must be a number"),
        ({"timeout_seconds": 0}, "timeout_seconds must be between"),
        ({"timeout_seconds": 1.5}, "timeout_seconds must be a whole number"),
        ({"brunch": "main"}, "unknown argument brunch"),
    ],
    ids=str,
)
def test_argument_that_cannot_be_is_refused_without_its_value(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said.replace("(", r"\(")) as caught:
        git_action.parse(Arguments(GIT | wrong))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["git@git.example.com:team/a.git", "/srv/git/a.git", "ssh://git@h:22/a", "git.example.com:a.git", "file:///srv/a"],
)
def test_repository_without_credentials_stays_as_it_is(url: str) -> None:
    assert git_action.parse_repository(url) == git_action.Repository(url, {})


def test_credentials_of_a_url_go_another_way() -> None:
    found = git_action.parse_repository("https://bot:s%40cret@git.example.com:8443/a.git")
    assert found.url == "https://git.example.com:8443/a.git"
    assert found.credentials == {"FRAISIER_GIT_USERNAME": "bot", "FRAISIER_GIT_PASSWORD": "s@cret"}


@given(texts)
def test_any_text_reaches_the_shell_as_it_is(text: str) -> None:
    program = shell.wrap("t", [shell.assign("x", text), 'printf "%s" "$f_x"'])
    assert run_sh(program) == f"\n{text}"


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True).map(lambda name: f"X_{name}"),
        texts,
        min_size=1,
        max_size=3,
    )
)
def test_environment_file_means_the_same_to_sh(environment: dict[str, str]) -> None:
    prints = "\n".join(f'printf "%s\\0" "${name}"' for name in environment)
    assert run_sh(f"set -a\n{shell.environment_file(environment)}\n{prints}") == "".join(
        f"{value}\0" for value in environment.values()
    )


def run_sh(program: str) -> str:
    done = subprocess.run(["sh", "-s"], input=program.encode(), capture_output=True, check=True)
    return done.stdout.decode()


def test_script_that_arrives_in_half_does_nothing() -> None:
    program = shell.wrap("t", ["printf begun", *["printf again"] * 500])
    done = subprocess.run(["sh", "-s"], input=program[: len(program) // 2].encode(), capture_output=True)
    assert (done.stdout, done.returncode != 0) == (b"", True)


def test_only_lines_with_the_token_count() -> None:
    answer = protocol.read(
        "t0", "noise\nt0 msg one\nt1 msg forged\nt0x msg forged\n t0 msg forged\nt0 msg two\x0bstill two\n"
    )
    assert answer.lines("msg") == ["one", "two\x0bstill two"]
    assert not answer.complete
    assert protocol.read("t0", "t0 end 1").complete


def test_tail_keeps_the_end() -> None:
    assert protocol.tail("x" * 5000 + "end") == "…" + "x" * 3996 + "end"


@pytest.mark.parametrize(
    ("answered", "same"),
    [
        (COMMIT, True),
        (COMMIT.upper(), True),
        (COMMIT[:7], True),
        (COMMIT[:6], False),
        ("", False),
        ("f" * 40, False),
        (COMMIT + "0", False),
    ],
)
def test_version_is_the_commit_or_a_fair_beginning_of_it(answered: str, same: bool) -> None:
    assert http_check.is_same_version(answered, COMMIT) is same


@pytest.mark.parametrize(
    ("body", "path", "found"),
    [
        ('{"version": "abc"}', "version", "abc"),
        ('{"a": {"b": [{"c": 12}]}}', "a.b.0.c", "12"),
        ('{"a": true}', "a", ""),
        ('{"a": {"b": 1}}', "a", ""),
        ('{"a": []}', "a.3", ""),
        ("not json", "a", ""),
        ("[]", "a", ""),
    ],
)
def test_version_is_found_in_json(body: str, path: str, found: str) -> None:
    assert http_check.json_text(body, path) == found


def test_secret_parts_of_a_url_are_not_shown() -> None:
    check = http_check.parse(Arguments({"app_path": "/srv/a", "url": "https://user:pw@h:8/health?token=s3cret"}))
    assert check.place == "https://h:8/health"


@pytest.mark.parametrize(
    "wrong", [{"headers": {"X": "a\nb"}}, {"headers": {"X Y": "a"}}, {"url": "file:///etc/passwd"}, {"status": [42]}]
)
def test_request_that_could_be_two_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        http_check.parse(Arguments({"app_path": "/srv/a", **wrong}))


def test_history_of_alembic_is_a_graph() -> None:
    lines = [
        "a2, b1 -> m1 (head) (mergepoint), join, -> not an arrow (head)",
        "a1 (b1) -> a2, needs b1",
        "<base> -> b1 (other), side branch",
        "<base> -> a1 (branchpoint), first",
    ]
    graph = read_history(lines)
    assert graph == {"m1": {"a2", "b1"}, "a2": {"a1", "b1"}, "b1": frozenset(), "a1": frozenset()}
    assert reach(graph, ["a2"]) == {"a2", "a1", "b1"}


def test_a_ledger_of_confiture_is_a_set_in_the_order_of_its_versions() -> None:
    known = ["1", "2", "3", "4"]
    assert [place(applied, known) for applied in ([], ["1"], ["1", "3"], ["2", "3", "4"])] == ["", "1", "3~2", "4~1"]
    for applied in ({"1"}, {"1", "3"}, {"2", "3", "4"}, set[str]()):
        assert versions(place(applied, known), known) == applied
    assert versions("9", known) == {*known, "9"}, "a version whose file is gone"


def test_where_django_is_says_what_is_applied_in_every_app() -> None:
    told = {"applied": ("a.1", "b.1", "a.2"), "pending": ("b.2", "a.3")}
    between = DjangoTool().between(Answer(told, complete=True), "a.2,b.1", "a.1")
    assert between == ([], ["a.2", "b.1"])
    assert DjangoTool().between(Answer(told, complete=True), "a.2,b.1", "a.3,b.2")[0] == ["b.2", "a.3"]


def test_a_tool_that_nobody_knows_is_told_with_those_that_are() -> None:
    with pytest.raises(ArgumentError, match="known are alembic, command"):
        find_tool("flyway")


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": "$(id)"},
        {"target": "-x"},
        {"bin_dir": "/usr/bin"},
        {"config": "../x"},
        {"commands": {"upp": "x"}},
        {"directory": "x"},
    ],
)
def test_migration_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        migration.parse(Arguments({"app_path": "/srv/a", "release_id": release_id(COMMIT), "tool": "command", **wrong}))


def test_path_that_supervisor_cannot_hold_is_refused() -> None:
    with pytest.raises(ArgumentError, match="under supervisor"):
        service.supervisor(Arguments({"app_path": "/srv/a b", "program": "web", "exec": "x"}))


def test_values_of_the_environment_are_masked_in_a_diff() -> None:
    assert service.masked("Environment=A=s3cret\nB=1", {"A": "s3cret", "B": "1"}) == "Environment=A=***\nB=1"
