"""``fraisier list`` without validating again what has not changed."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fraisier.config import FraisierConfig, ListingRow, load_listing
from fraisier.errors import ConfigError, ConfigNotFound
from tests.unit.config.conftest import api

HEAVY = ("pydantic", "yaml", "sqlalchemy", "sqlmodel", "rich", "fastapi", "ansible_runner", "jinja2", "click")
TEXT = api(
    settings="description: API ${WORD}\nenvironment: {TOKEN: '${TOKEN}'}",
    rest="""
        notifications: {urls: ["${URL:-mailto://me}"]}
        """,
)
VALUES = {"WORD": "one", "TOKEN": "hunter2"}
ROW = ListingRow("my_api", "production", "", "api", "main", ("web1",), "API one")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "fraises.yaml").write_text(TEXT)
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), **VALUES}


def entry_of(folder: Path) -> Path:
    (entry,) = (folder / "cache" / "fraisier").iterdir()
    return entry


def spoil(folder: Path, description: str = "from the cache") -> None:
    """Changes what the entry says, so that a hit can be told from a miss."""
    entry = entry_of(folder)
    stored = json.loads(entry.read_text())
    stored["rows"][0]["description"] = description
    entry.write_text(json.dumps(stored))


def is_hit(folder: Path, environ: dict[str, str]) -> bool:
    (row,) = load_listing(None, environ, cwd=folder)
    return row.description == "from the cache"


def test_a_second_listing_comes_from_the_cache(tmp_path: Path, environ: dict[str, str]) -> None:
    assert load_listing(None, environ, cwd=tmp_path) == [ROW]
    assert load_listing(None, environ, cwd=tmp_path) == [ROW]
    spoil(tmp_path)
    assert is_hit(tmp_path, environ)


def test_a_hit_imports_the_standard_library_and_nothing_else(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    program = (
        "import os, sys\n"
        "from fraisier.config.cache import load_listing\n"
        "import fraisier.config, fraisier.fraise_types, fraisier.secrets\n"
        "print(load_listing(None, os.environ)[0].description)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
        "print([name for name in sys.modules if name.startswith('fraisier.')])\n"
    )
    here = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(here)},
        capture_output=True,
        text=True,
        check=True,
    )
    description, heavy, ours = done.stdout.splitlines()
    assert (description, heavy) == ("API one", "[]")
    assert "fraisier.config.load" not in ours


@pytest.mark.parametrize(
    "change",
    [
        {"WORD": "two"},
        {"WORD": "", "XDG_STATE_HOME": "/x"},
    ],
)
def test_another_value_of_a_variable_is_a_miss(change: dict[str, str], tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    spoil(tmp_path)
    assert not is_hit(tmp_path, {**environ, **change})


def test_other_variables_and_other_values_of_secrets_do_not_matter(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    spoil(tmp_path)
    assert is_hit(tmp_path, {**environ, "UNRELATED": "x", "TOKEN": "another"})


def test_a_secret_that_is_gone_is_an_error_again(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    del environ["TOKEN"]
    with pytest.raises(ConfigError, match="the variable TOKEN is not set"):
        load_listing(None, environ, cwd=tmp_path)


def test_a_secret_that_is_empty_now_is_checked_again(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    spoil(tmp_path)
    assert not is_hit(tmp_path, {**environ, "TOKEN": ""})


def test_a_changed_file_is_a_miss(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    spoil(tmp_path)
    (tmp_path / "fraises.yaml").write_text(TEXT + "# changed\n")
    assert not is_hit(tmp_path, environ)


def test_a_new_dotenv_is_a_miss_and_its_values_count(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    del environ["WORD"]
    (tmp_path / ".env").write_text("WORD=three\n")
    assert load_listing(None, environ, cwd=tmp_path)[0].description == "API three"
    spoil(tmp_path)
    assert is_hit(tmp_path, environ)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"sources": {}}',
        b"[" * 100_000,
        b'{"sources": 1, "rows": 2}',
    ],
)
def test_a_corrupt_entry_is_a_miss_and_is_replaced(content: bytes, tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    entry = entry_of(tmp_path)
    entry.write_bytes(content)
    assert load_listing(None, environ, cwd=tmp_path) == [ROW]
    assert json.loads(entry.read_text())["rows"]


@pytest.mark.parametrize("rows", [5, [5], [{"fraise": "x"}], [{"extra": 1}], None])
def test_rows_of_another_shape_are_a_miss(rows: object, tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    entry = entry_of(tmp_path)
    entry.write_text(json.dumps({**json.loads(entry.read_text()), "rows": rows}))
    assert load_listing(None, environ, cwd=tmp_path) == [ROW]


def test_rows_with_values_of_another_kind_are_a_miss(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    entry = entry_of(tmp_path)
    stored = json.loads(entry.read_text())
    stored["rows"][0]["hosts"] = [["web1"]]
    entry.write_text(json.dumps(stored))
    assert load_listing(None, environ, cwd=tmp_path) == [ROW]


def test_an_entry_is_private_and_holds_no_secret(tmp_path: Path, environ: dict[str, str]) -> None:
    load_listing(None, environ, cwd=tmp_path)
    entry = entry_of(tmp_path)
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE(entry.parent.stat().st_mode) == 0o700
    stored = entry.read_text()
    assert "hunter2" not in stored
    assert json.loads(stored)["secrets"] == {"TOKEN": True, "URL": None}
    assert list(json.loads(stored)["variables"]) == ["WORD"]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert load_listing(None, environ, cwd=tmp_path) == [ROW]
    assert load_listing(None, VALUES, cwd=tmp_path) == [ROW]


def test_faults_are_never_remembered(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "fraises.yaml").write_text("fraises: {}\n")
    for _ in range(2):
        with pytest.raises(ConfigError):
            load_listing(None, environ, cwd=tmp_path)
    (tmp_path / "fraises.yaml").unlink()
    with pytest.raises(ConfigNotFound):
        load_listing(None, environ, cwd=tmp_path)


def test_rows_are_the_targets(tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "fraises.example.yaml"
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    first, second = (load_listing(example, environ) for _ in range(2))
    targets = FraisierConfig(example, environ={}).targets()
    assert first == second
    assert [(row.fraise, row.environment, row.job) for row in first] == [
        (target.fraise, target.environment, target.job) for target in targets
    ]
