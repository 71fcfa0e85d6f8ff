"""Nothing that users can meet is undocumented, and the generated pages are those of this code."""

from __future__ import annotations

import html
import re
import subprocess
import sys

import click
import pytest
import yaml
from pydantic import BaseModel

import fraisier
from fraisier import cli, errors
from fraisier.record.migrate import view_names
from fraisier.vocabulary import EventKind, FraiseState, Kind, Phase, Status, Trigger
from tests.docs.pages import ROOT, rows, section, text_of
from tests.docs.subjects import MODELS, commands

REFERENCE = "docs/reference"


def test_generated_pages_are_not_stale() -> None:
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_every_command_and_option_is_documented(name: str, command: click.Command) -> None:
    said = section(f"{REFERENCE}/cli.md", name)
    for parameter in command.params:
        words = (
            [parameter.make_metavar(click.Context(command))]
            if isinstance(parameter, click.Argument)
            else parameter.opts
        )
        for word in words:
            assert word in said, f"{name}: {word}"
    assert command.help
    assert command.help.split(".")[0] in " ".join(said.split())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_lines_of_the_group_are_those_of_the_commands(name: str) -> None:
    command = cli.group.get_command(click.Context(cli.group), name)
    assert command
    assert cli.COMMANDS[name][2] == command.get_short_help_str(limit=1000)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_setting_is_documented_with_its_meaning(model: type[BaseModel]) -> None:
    documented = {row[0].strip("`"): row for row in rows(text_of(f"{REFERENCE}/configuration.md"))}
    text = html.unescape(" ".join(text_of(f"{REFERENCE}/configuration.md").split()))
    for name, field in model.model_fields.items():
        assert name in documented, name
        assert field.description, f"{name} has no description"
        meaning = field.description.removesuffix(" Required.").partition(" Default: ")[0]
        assert meaning.replace("|", "\\|") in text, name


def test_every_error_is_documented_with_its_exit_code() -> None:
    documented = {row[1].strip("`"): row for row in rows(text_of(f"{REFERENCE}/exit-codes.md"))}
    found = {
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.FraisierError)
    }
    assert len(found) > 10
    for error in found:
        code, _, meaning, again, http = documented[error.__name__]
        assert (int(code), bool(again), int(http)) == (error.exit_code, error.retriable, error.http_status)
        assert len(meaning) > 10, f"{error.__name__} has no words"


@pytest.mark.parametrize(
    "words", [Phase, Status, FraiseState, Kind, Trigger, EventKind], ids=lambda each: each.__name__
)
def test_every_word_of_the_vocabulary_is_documented(
    words: type[Phase | Status | FraiseState | Kind | Trigger | EventKind],
) -> None:
    page = text_of(f"{REFERENCE}/statuses-and-phases.md")
    for word in words:
        assert f"`{word.value}`" in page


def test_phases_that_no_recipe_runs_are_marked() -> None:
    recipe = yaml.safe_load((ROOT / "playbooks/api.yml").read_text())
    runs = {tag for play in recipe for task in play["tasks"] for tag in task["tags"]} - {
        "hold"
    }  # verify, before a batch
    marked = {
        row[0].strip("`") for row in rows(text_of(f"{REFERENCE}/statuses-and-phases.md")) if "Not built yet" in row[1]
    }
    assert marked == {phase.value for phase in Phase} - runs
    assert set(Phase) >= runs


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_every_role_variable_is_documented(role: str) -> None:
    options = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
    said = html.unescape(section(f"{REFERENCE}/roles.md", f"fraisier.deploy.{role}"))
    for name, option in options.items():
        assert f"| `{name}` | {option['type']} |" in said
        assert option["description"].replace("|", "\\|") in said


def test_every_public_name_and_member_of_the_library_is_documented() -> None:
    page = text_of(f"{REFERENCE}/library.md")
    for name in fraisier.__all__:
        assert name in page
        found = getattr(fraisier, name)
        if isinstance(found, type) and not issubclass(found, (str, Exception)):
            for member in (
                each
                for each, value in vars(found).items()
                if not each.startswith("_") and (callable(value) or isinstance(value, property))
            ):
                assert re.search(rf"^{member}[(:]", section(f"{REFERENCE}/library.md", name), re.MULTILINE), (
                    f"{name}.{member}"
                )


def test_every_table_view_and_column_of_the_database_is_documented() -> None:
    from sqlmodel import SQLModel

    from fraisier.record import tables

    assert tables.TbDeployment.__tablename__ in SQLModel.metadata.tables
    for name, table in SQLModel.metadata.tables.items():
        if name.startswith("tb_"):
            said = section(f"{REFERENCE}/database.md", name)
            assert all(f"| `{column.name}` |" in said for column in table.columns), name
    for view in view_names():
        assert "`data`" in section(f"{REFERENCE}/database.md", view)
