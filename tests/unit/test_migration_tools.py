"""Migration tools of other packages: commands under a name, told with their package when they cannot be used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraisier.compile import deploy_plan, is_reversible
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError
from fraisier.fraise_types.migration_tools import OURS, THEIRS
from fraisier.plan import Release

GOOD = """
name, pending_rc = "good", 3
def fault_of(database):
    return "" if database.migrations_dir else "needs migrations_dir"
def commands(database):
    return {"up": ["good", *database.extra_args, database.migrations_dir], "pending": "good pending"}
"""
MODULES = {
    "good": GOOD,
    "bad_import": "import no_such_module_anywhere",
    "bad_shape": "name = 'bad_shape'",
    "bad_name": GOOD,
    "bad_up": GOOD.replace('"good", 3', '"bad_up", 3').replace('"up"', '"down"'),
    "bad_words": GOOD.replace('"good", 3', '"bad_words", 3').replace('"good pending"', '["good", 3]'),
}
FILE = """\
fraises:
  my_api:
    type: api
    git_repo: /srv/my_api.git
    app_path: /srv/my_api
    connection: local
    service: {{manager: none}}
    health_check: {{command: "true"}}
    environments:
      production: {{database: {{tool: {tool}, migrations_dir: sql, extra_args: [--quick]{more}}}}}
"""
RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789abcdef0123456789abcdef01234567")


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, text in MODULES.items():
        (tmp_path / f"scratch_{name}.py").write_text(text)
    about = tmp_path / "scratch_tools-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scratch-tools\nVersion: 1.0\n")
    entries = [*(f"{name} = scratch_{name}" for name in MODULES), "alembic = scratch_good"]
    (about / "entry_points.txt").write_text("\n".join(["[fraisier.migration_tools]", *entries]))
    monkeypatch.syspath_prepend(str(tmp_path))
    vars(THEIRS).pop("_theirs", None)
    yield
    vars(THEIRS).pop("_theirs", None)
    for name in MODULES:
        sys.modules.pop(f"scratch_{name}", None)


def resolved(folder: Path, tool: str, more: str = "") -> ResolvedFraise:
    (folder / "fraises.yaml").write_text(FILE.format(tool=tool, more=more))
    return FraisierConfig(folder / "fraises.yaml", environ={}).get_fraise_environment("my_api", "production")


def test_one_is_compiled_to_its_commands(tmp_path: Path) -> None:
    found = resolved(tmp_path, "good")
    variables = deploy_plan(found, RELEASE).variables
    assert variables["fraisier_migrate_tool"] == "command"
    assert variables["fraisier_migrate_commands"] == {"up": ["good", "--quick", "sql"], "pending": "good pending"}
    assert variables["fraisier_migrate_pending_rc"] == 3
    assert not is_reversible(found), "it has no command down"


def test_ours_cannot_be_replaced(tmp_path: Path) -> None:
    assert set(THEIRS) == set(MODULES) - set(OURS)
    assert deploy_plan(resolved(tmp_path, "alembic"), RELEASE).variables["fraisier_migrate_tool"] == "alembic"


@pytest.mark.parametrize(
    ("tool", "fault"),
    [
        ("bad_import", "'bad_import' of scratch-tools cannot be loaded: ModuleNotFoundError"),
        ("bad_shape", "'bad_shape' of scratch-tools has no fault_of, commands, pending_rc"),
        ("bad_name", "'bad_name' of scratch-tools calls itself 'good'"),
        ("bad_up", "'bad_up' has no command up"),
        ("bad_words", "'bad_words' gives what is no command: pending"),
        ("good", "is for tool: command, not for good"),
    ],
)
def test_one_that_cannot_be_used_is_told(tool: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=fault):
        deploy_plan(resolved(tmp_path, tool, ", commands: {up: x}" if tool == "good" else ""), RELEASE)
