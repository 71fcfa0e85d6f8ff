"""Scalars, keys, anchors and places, as they come out of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraisier.config import FraisierConfig
from fraisier.config.read import parse
from fraisier.config.report import Report
from fraisier.config.tree import Value, leaves, plain
from fraisier.errors import ConfigError
from fraisier.fraise_types.api import Settings
from fraisier.vocabulary import Phase


def read(text: str) -> Value:
    report = Report("fraises.yaml")
    root = parse(text.encode(), report)
    report.raise_if_any()
    return root


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("on", "on"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".nan", ".nan"),
        ("9" * 5000, "9" * 5000),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!envvar HOME", "${HOME}"),
    ],
)
def test_a_plain_scalar_follows_yaml_1_2(written: str, expected: object) -> None:
    found = plain(read(f"a: {written}"))["a"]
    assert (found, type(found)) == (expected, type(expected))


def test_variables_for_ansible_are_read_as_ansible_reads_them() -> None:
    tree = plain(read("vars: {a: yes, b: [off], c: 'no', d: {environment: {e: on}}}"))
    assert tree == {"vars": {"a": True, "b": [False], "c": "no", "d": {"environment": {"e": True}}}}


@pytest.mark.parametrize("section", ["environment", "headers", "options", "labels"])
def test_texts_keep_their_spelling(section: str) -> None:
    tree = plain(read(f"{section}: {{A: 1.10, B: True, C: 0010, D: no, E: , F: ''}}"))
    assert tree[section] == {"A": "1.10", "B": "True", "C": "0010", "D": "no", "E": None, "F": ""}


def test_names_that_people_choose_are_not_keywords() -> None:
    tree = plain(read("fraises: {vars: {keep_releases: 5, environments: {options: {git_submodules: yes, port: 22}}}}"))
    fraise = tree["fraises"]["vars"]
    assert fraise["keep_releases"] == 5
    assert fraise["environments"]["options"] == {"git_submodules": "yes", "port": 22}


def test_on_is_a_key() -> None:
    assert plain(read("notifications: {on: [failed]}")) == {"notifications": {"on": ["failed"]}}


def test_merge_keys_take_over_what_is_not_given() -> None:
    tree = read("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*b, *a], z: 3}\nd: {<<: *a}\n")
    assert plain(tree)["c"] == {"x": 1, "y": 2, "z": 3}
    assert plain(tree)["d"] == {"x": 1, "y": 1}


def test_a_merge_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1:9 a\.<<: expected a mapping"):
        read("a: {<<: 5}")


def test_every_value_knows_its_place() -> None:
    tree = read("a:\n  - b: 1\n    c: [x, yy]\n")
    assert [(leaf.place.dotted, leaf.place.line, leaf.place.column) for leaf in leaves(tree)] == [
        ("a[0].b", 2, 8),
        ("a[0].c[0]", 3, 9),
        ("a[0].c[1]", 3, 12),
    ]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(
    [*Settings.model_fields, *Phase, "url", "name", "command", "${X}", "${", "<<", "on", "*a", "&a"]
)
SETTINGS = st.dictionaries(WORDS | st.text(max_size=5), PLAIN | WORDS, max_size=6)
NAMES = st.sampled_from(["my_api", "production", "staging", "Bad Name"])
FRAISES = st.dictionaries(
    NAMES,
    st.builds(
        lambda own, kind, environments: {**own, "type": kind, "environments": environments},
        SETTINGS,
        st.sampled_from(["api", "etl", "scheduled", "backup", "docker_compose", "apii"]) | PLAIN,
        st.dictionaries(NAMES, SETTINGS, max_size=2) | PLAIN,
    ),
    max_size=3,
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "fraises": FRAISES | PLAIN,
        "environments": st.dictionaries(NAMES, SETTINGS, max_size=2) | PLAIN,
        "branch_mapping": st.dictionaries(st.text(max_size=4), PLAIN | NAMES, max_size=2) | PLAIN,
        "git": PLAIN,
        "hooks": st.dictionaries(NAMES, PLAIN, max_size=2),
        "notifications": PLAIN,
        "server": PLAIN,
    },
)


def _loads_or_tells(content: bytes, folder: Path) -> None:
    (folder / "fraises.yaml").write_bytes(content)
    try:
        FraisierConfig(cwd=folder, environ={"X": "value"})
    except ConfigError as error:
        assert error.problems
        assert all(problem.message and problem.file for problem in error.problems)
        assert [(p.line, p.column) for p in error.problems] == sorted((p.line, p.column) for p in error.problems)


MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_load_or_raise_a_configuration_error(content: bytes, tmp_path: Path) -> None:
    _loads_or_tells(content, tmp_path)


@MANY
@given(text=st.text("ab:-[]{}&*!|>'\"#%@` \n\t?,<~$", max_size=60))
def test_any_yaml_like_text_loads_or_raises_a_configuration_error(text: str, tmp_path: Path) -> None:
    _loads_or_tells(text.encode(), tmp_path)


@MANY
@given(document=FILES)
def test_any_document_loads_or_raises_a_configuration_error(document: dict[str, Any], tmp_path: Path) -> None:
    _loads_or_tells(_yaml(document).encode("utf-8", "surrogatepass"), tmp_path)


def _yaml(value: Any) -> str:
    """YAML written by hand, so that words with a meaning in YAML go in unquoted now and then."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_yaml(key)}: {_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, str):
        return value if value.isidentifier() else "'" + value.replace("'", "''") + "'"
    return "null" if value is None else str(value).lower()
