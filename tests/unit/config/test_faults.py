"""What is wrong with a file is told in one go: each fault once, at its own place, in the order of the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fraisier.config import FraisierConfig
from fraisier.config.read import DEEPEST, LARGEST_FILE_BYTES, MOST_VALUES
from fraisier.errors import ConfigError, ConfigNotFound
from tests.unit.config.conftest import Load, Messages, api

CASES = sorted((Path(__file__).parent / "data" / "faults").glob("*.yaml"))
SECRET = "hunter2"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_fault_is_told_once_and_at_its_place(case: Path, messages: Messages) -> None:
    environ = {"NOT_A_PORT": SECRET, "GIT_REPO": f"https://me:{SECRET}@git.example.com/a.git"}
    found = messages(case.read_bytes(), environ)
    assert found == case.with_suffix(".expected.txt").read_text().splitlines()
    assert not any(SECRET in message for message in found)


def test_there_are_cases() -> None:
    assert len(CASES) >= 10


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

UNREADABLE = {
    "empty": (b"", "fraises.yaml: is empty, 'fraisier init' writes a first one"),
    "only a comment": (b"# soon\n", "fraises.yaml: is empty, 'fraisier init' writes a first one"),
    "null": (b"---\nnull\n", "fraises.yaml: is empty, 'fraisier init' writes a first one"),
    "a list": (b"- a\n", "fraises.yaml:1:1: expected a mapping with the key 'fraises'"),
    "text": (b"fraises\n", "fraises.yaml:1:1: expected a mapping with the key 'fraises'"),
    "a tab": (b"fraises:\n\tmy_api:\n", "fraises.yaml:2:1: a tab cannot indent, use spaces"),
    "a tab after spaces": (b"fraises:\n  a: 1\n  \tb: 2\n", "fraises.yaml:3:3: a tab cannot indent, use spaces"),
    "latin-1": ("a: b\nfraises: é".encode("latin-1"), "fraises.yaml:2:10: is not UTF-8 text, save the file as UTF-8"),
    "utf-16": ("fraises: {}".encode("utf-16"), "fraises.yaml:1:1: is not UTF-8 text, save the file as UTF-8"),
    "a NUL": (b"fraises:\n  a\0", "fraises.yaml:2:4: holds the character U+0000, which YAML does not allow"),
    "two documents": (b"a: 1\n---\nb: 2\n", "fraises.yaml:2:1: holds a second document, keep one, without '---'"),
    "an unclosed list": (
        b"fraises: [a\n",
        "fraises.yaml:2:1: is not valid YAML: did not find expected ',' or ']'",
    ),
    "an unclosed quote": (b'a: "b\n', "fraises.yaml:2:1: is not valid YAML: found unexpected end of stream"),
    "an unknown alias": (b"a: *b\n", "fraises.yaml:1:4 a: *b names nothing above"),
    "an alias to itself": (b"a: &b [*b]\n", "fraises.yaml:1:8 a[0]: *b stands inside what it names"),
    "deep nesting": (
        b"a: " + b"[" * 100_000,
        f"fraises.yaml:1:{DEEPEST + 4} a{'[0]' * DEEPEST}: is nested deeper than {DEEPEST} levels",
    ),
    "deep keys": (
        b"? " * 10_000,
        f"fraises.yaml:1:{2 * DEEPEST + 3} {'.'.join('?' * (DEEPEST + 1))}: is nested deeper than {DEEPEST} levels",
    ),
    "a bomb": (BOMB.encode(), f"fraises.yaml:6:8 f[0]: holds more than {MOST_VALUES:,} values, aliases expanded"),
    "many values": (
        b"a: [" + b"1," * (MOST_VALUES + 1) + b"]",
        f"fraises.yaml:1:200001 a[99998]: holds more than {MOST_VALUES:,} values, aliases expanded",
    ),
    "no fraises": (b"fraises: {}\n", "fraises.yaml: names no fraises, 'fraisier init' writes a first file"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_configuration_gets_one_message(name: str, messages: Messages) -> None:
    content, expected = UNREADABLE[name]
    assert messages(content) == [expected]


def test_a_large_file_is_refused_without_being_read(tmp_path: Path) -> None:
    file = tmp_path / "fraises.yaml"
    with file.open("wb") as sparse:
        sparse.truncate(50_000_000)
    with pytest.raises(ConfigError, match=r"^fraises.yaml: is larger than 5 MB$"):
        FraisierConfig(cwd=tmp_path, environ={})


def test_the_largest_file_is_read(load: Load) -> None:
    text = api()
    assert load(text + "#" * (LARGEST_FILE_BYTES - len(text.encode()))).get_fraise("my_api")


def test_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"^folder: is a directory, expected a file$"):
        FraisierConfig("folder", cwd=tmp_path, environ={})
    with pytest.raises(ConfigError, match=r"^pipe: is not a regular file$"):
        FraisierConfig("pipe", cwd=tmp_path, environ={})


@pytest.mark.parametrize("path", ["a" * 300, "a\0b", "loop"])
def test_an_impossible_path_is_not_found(path: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigNotFound):
        FraisierConfig(path, cwd=tmp_path, environ={})


def test_a_fault_before_a_syntax_error_is_told_too(messages: Messages) -> None:
    assert messages("a: 1\na: 2\nb: [\n") == [
        "fraises.yaml:2:1 a: is given twice, first in line 1",
        "fraises.yaml:4:1: is not valid YAML: did not find expected node content",
    ]


def test_a_key_cannot_talk_to_the_terminal(messages: Messages) -> None:
    assert messages('"a\\e[2J\\nb": 1\n' + f"{'k' * 500}: 1\n" + api()) == [
        r"fraises.yaml:1:1 a\x1b[2J\nb: unknown key",
        f"fraises.yaml:2:1 {'k' * 63}…: unknown key",
    ]


def test_a_file_that_is_wrong_all_over_is_told_in_bounded_time(messages: Messages) -> None:
    found = messages("fraises:\n  my_api:\n    type: api\n" + "".join(f"    brnch{n}: 1\n" for n in range(5_000)))
    assert len(found) == 5_000
    assert found[0].endswith("unknown key, did you mean 'branch'?")
    assert found[-1].endswith("unknown key")


def test_a_secret_is_never_in_a_message(messages: Messages) -> None:
    found = messages(
        api(
            settings="""
                database: {tool: alembic, url: [hunter2]}
                environment: {TOKEN: {inner: hunter2}}
                port: ${PORT}
                fetch: ${FETCH}
            """,
            rest="""
                git: {github: {webhook_secret: {a: hunter2}, token: 20002}, gitlab: {webhook_secret: [{a: hunter2}]}}
                notifications: {urls: [[hunter2]]}
            """,
        ),
        {"PORT": "hunter2", "FETCH": "hunter2"},
    )
    assert len(found) == 8
    assert "hunter2" not in "\n".join(found)
    assert "20002" not in "\n".join(found)
