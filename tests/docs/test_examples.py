"""Commands, YAML and Python in the documentation are real: they parse, validate, compile, and name what exists."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import fraisier
from fraisier import cli
from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig
from fraisier.fraise_types.api import Settings
from tests.docs.pages import NAMES, ROOT, Block, blocks, prose
from tests.docs.subjects import RELEASE

# What a snippet of settings is completed with: whatever an api cannot do without.
COMPLETION: dict[str, Any] = {
    "git_repo": "https://git.example.com/team/my_api.git",
    "app_path": "/srv/my_api",
    "hosts": ["web1.example.com"],
    "systemd_service": "my_api.service",
    "health_check": {"url": "http://127.0.0.1:8000/health"},
}


def lines_with_commands(name: str) -> list[str]:
    """`fraisier ...` in shell blocks and in the prose; in blocks of output, the lines that begin with a prompt."""
    shell = [line for block in blocks(name, "sh") for line in block.text.splitlines()]
    output = [line[2:] for block in blocks(name, "text") for line in block.text.splitlines() if line.startswith("$ ")]
    inline = re.findall(r"`(fraisier [^`]+)`", prose(name))
    commands = [line for line in (*shell, *output) if line.startswith("fraisier ")]
    return [re.split(r" +#| +\|\| ", line)[0] for line in commands] + inline


COMMAND_LINES = sorted({line for name in NAMES for line in lines_with_commands(name)})


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parse as click would, down to the last word; unknown commands, options, values and missing arguments raise UsageError."""
    if not isinstance(command, click.Group):
        command.make_context(command.name, list(words), parent=parent)
        return
    context = click.Context(command, info_name=command.name, parent=parent, **command.context_settings)
    _, rest, _ = command.make_parser(context).parse_args(list(words))
    if not rest:
        return
    inner = command.get_command(context, rest[0])
    if inner is None:
        raise click.UsageError(f"no such command {rest[0]}")
    parse(inner, rest[1:], context)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_commands_in_the_documentation_exist(line: str) -> None:
    try:
        parse(cli.group, shlex.split(line)[1:])
    except click.MissingParameter:
        assert len(shlex.split(line)) <= 3, line  # only the name of a command, in prose


def test_the_check_of_commands_can_fail() -> None:
    with pytest.raises(click.UsageError):
        parse(cli.group, shlex.split("config validat"))
    with pytest.raises(click.UsageError):
        parse(cli.group, shlex.split("deploy my_api production --wiat"))


# Named by a message, and not built yet.
LATER_COMMANDS = {"cancel"}


def test_commands_that_messages_name_exist() -> None:
    """Hints are documentation that people meet when something went wrong."""
    sources = [path.read_text() for path in (ROOT / "fraisier").rglob("*.py")]
    named = {name for text in sources for name in re.findall(r"(?:`|see: |hint=.)fraisier ([a-z]+)", text)}
    assert len(named) > 3
    assert named <= set(cli.COMMANDS) | LATER_COMMANDS


YAML_BLOCKS = [block for name in NAMES for block in blocks(name, "yaml")]


def files_of(page: str) -> dict[str, str]:
    """Blocks of a page that are files: their first line is a comment with a path."""
    found = {}
    for block in blocks(page, "yaml"):
        if path := re.match(r"# (\S+\.yml)\n", block.text):
            found[path[1]] = block.text
    return found


def validated(text: str, folder: Path, page: str) -> FraisierConfig:
    for path, content in files_of(page).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content)
    (folder / "fraises.yaml").write_text(text)
    return FraisierConfig(folder / "fraises.yaml", environ=dict.fromkeys(re.findall(r"\$\{(\w+)", text), "value" * 5))


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=lambda block: block.page)
def test_yaml_in_the_documentation_is_valid(block: Block, tmp_path: Path) -> None:
    document = yaml.safe_load(block.text)
    if isinstance(document, list):
        check_tasks_or_plays(document)
    elif "fraises" in document:
        for resolved in validated(block.text, tmp_path, block.page).all():
            deploy_plan(resolved, RELEASE)
    elif "plugin" in document:
        assert re.fullmatch(r"\w+\.\w+\.\w+", document["plugin"]), "an inventory plugin has its whole name"
    else:
        assert set(document) <= set(Settings.model_fields), "a snippet of settings"
        environment = {**COMPLETION, **document}
        if "select" in document:
            del environment["hosts"]
        for source in document.get("inventory", ()) and ("inventory/hosts.yml", "inventory/aws_ec2.yml"):
            (tmp_path / source).parent.mkdir(exist_ok=True)
            (tmp_path / source).touch()
        fraise = {"type": "api", "environments": {"production": environment}}
        for resolved in validated(yaml.safe_dump({"fraises": {"my_api": fraise}}), tmp_path, block.page).all():
            assert resolved.settings.inventory or deploy_plan(resolved, RELEASE)


def check_tasks_or_plays(entries: list[dict[str, Any]]) -> None:
    known = set()
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        known |= set(yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"])
    for entry in entries:
        assert entry["name"]
        for role in entry.get("roles", ()):
            assert (ROOT / "roles" / role["role"].removeprefix("fraisier.deploy.")).is_dir()
        if playbook := entry.get("ansible.builtin.import_playbook"):
            assert (ROOT / "playbooks" / f"{playbook.removeprefix('fraisier.deploy.')}.yml").is_file()
        given = {name for name in entry.get("vars", {}) if name.startswith("fraisier_")}
        assert given <= known | {"fraisier_service_manager", "fraisier_hosts"}
        in_templates = set(re.findall(r"\{\{ (fraisier_\w+)", str(entry)))
        assert in_templates <= known | {"fraisier_target", "fraisier_hosts", "fraisier_batch", "fraisier_proven"}


def test_there_are_examples_to_check() -> None:
    assert len(YAML_BLOCKS) >= 10
    assert len(COMMAND_LINES) >= 20


PYTHON_BLOCKS = [block for name in NAMES if not name.startswith("docs/reference") for block in blocks(name, "python")]


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=lambda block: block.page)
def test_python_in_the_documentation_uses_what_exists(block: Block) -> None:
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = __import__(str(node.module), fromlist=[alias.name for alias in node.names])
            assert all(hasattr(module, alias.name) for alias in node.names)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = call.func
        owner = {"production": fraisier.Deployer, "ledger": fraisier.Database}
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in owner:
            method = getattr(owner[function.value.id], function.attr)
            inspect.signature(method).bind(None, *call.args, **{str(word.arg): word.value for word in call.keywords})
