"""The parts of the collection say the same thing: specs, defaults, tasks, documentation, plugins; and the scripts are clean sh."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from estate import ROOT
from role_readme import PLAIN, ROLES, defaults, readme, specs

NAMES = sorted(folder.name for folder in ROLES.iterdir())
ACTIONS = sorted(path.stem for path in (ROOT / "plugins" / "action").glob("*.py"))
SCRIPTS = sorted((ROOT / "plugins" / "plugin_utils" / "sh").glob("*.sh"))


def sources(role: str) -> str:
    folders = [ROLES / role / name for name in ("tasks", "templates", "vars")]
    return "\n".join(path.read_text() for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bfraisier_[a-z0-9_]+", text))


@pytest.mark.parametrize("role", NAMES)
def test_variables_are_declared_given_and_used(role: str) -> None:
    options = specs(role)["options"]
    required = {name for name, option in options.items() if option.get("required")}
    text = (ROLES / role / "defaults" / "main.yml").read_text()
    assert set(defaults(role)) == set(options) - required
    used = variables(sources(role))
    assert used <= set(options), "the tasks use what the specs do not know"
    assert set(options) <= used | variables(str(defaults(role).values())), "the specs have what nothing uses"
    assert all(f"# {name}:" in text for name in required), "a required variable is commented in the defaults"
    own = {
        "fraisier_app_path",
        "fraisier_release_id",
        "fraisier_version",
        "fraisier_become",
        "fraisier_become_user",
        "fraisier_environment",
        "fraisier_blue_green",
    }
    assert all(name.startswith(f"fraisier_{role}_") for name in set(options) - own)


@pytest.mark.parametrize("role", NAMES)
def test_spec_and_default_say_the_same(role: str) -> None:
    given = defaults(role)
    for name, option in specs(role)["options"].items():
        if "default" in option:
            assert given[name] == option["default"], name


@pytest.mark.parametrize("role", NAMES)
def test_secrets_are_declared_and_not_checked(role: str) -> None:
    """A violated choice would print the value."""
    secret = {
        name: option for name, option in specs(role)["options"].items() if name.endswith(("environment", "headers"))
    }
    assert all(option.get("no_log") and "choices" not in option for option in secret.values())


@pytest.mark.parametrize("role", NAMES)
def test_readme_is_what_the_specs_say(role: str) -> None:
    assert (ROLES / role / "README.md").read_text() == readme(role), (
        "run python tests/integration/collection/role_readme.py"
    )


@pytest.mark.parametrize("role", sorted({*NAMES} - {*PLAIN}))
def test_role_is_one_task_and_every_argument_is_known(role: str) -> None:
    (task,) = yaml.safe_load((ROLES / role / "tasks" / "main.yml").read_text())
    action = next(name for name in task if name.startswith("fraisier.deploy."))
    assert set(task[action]) <= set(documentation(action.rpartition(".")[2])["options"])


def documentation(action: str) -> dict[str, Any]:
    text = (ROOT / "plugins" / "modules" / f"{action}.py").read_text()
    found: dict[str, Any] = yaml.safe_load(re.search(r'DOCUMENTATION = r"""\n(.*?)"""', text, re.DOTALL)[1])  # type: ignore[index]
    return found


@pytest.mark.parametrize("action", ACTIONS)
def test_documented_arguments_are_those_that_the_plugin_asks_for(action: str) -> None:
    folder = ROOT / "plugins"
    text = "\n".join(
        path.read_text() for path in [folder / "action" / f"{action}.py", *(folder / "plugin_utils").glob("*.py")]
    )
    asked = set(
        re.findall(
            r'arguments\.(?:text|block|path|choice|boolean|number|integer|lines|environment|commands?|mapping)\(\s*"(\w+)"',
            text,
        )
    )
    asked |= set(re.findall(r'_inside\(arguments, "(\w+)"\)', text))
    usual = {
        "app_path",
        "release_id",
        "version",
        "environment",
        "commands",
        "headers",
        "bad_release_id",
        "shared",
        "credentials",
    }
    assert set(documentation(action)["options"]) <= asked | usual


def test_every_action_has_its_documentation() -> None:
    assert sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")) == ACTIONS


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "plugins" / "action").glob("*.py"), *(ROOT / "plugins" / "modules").glob("*.py")]), ids=str
)
def test_what_imports_ansible_is_under_its_licence(path: Path) -> None:
    assert "GNU General Public License v3.0 or later" in path.read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_clean_sh(script: Path) -> None:
    """Variables come from the plugin and from the files that are read together: that one check knows single files only."""
    for shell in ("dash", "busybox", "bash"):
        if shutil.which(shell):
            argv = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
            subprocess.run([*argv, str(script)], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed on this machine")
    done = subprocess.run(
        ["shellcheck", "-s", "sh", "-e", "SC2154,SC2317,SC2034", str(script)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_argument_asked_for_twice_is_one() -> None:
    arguments = Arguments({"app_path": "/srv/a"})
    assert arguments.app_path() == arguments.path("app_path") == "/srv/a"
    arguments.finish()
