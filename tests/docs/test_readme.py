"""The README's table says what the code does: what is built works, what is not is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig
from fraisier.errors import NotBuiltYet
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.migration_tools import OURS
from tests.docs.pages import ROOT, rows, text_of
from tests.docs.subjects import RELEASE

STATES = {row[0]: row[1] for row in rows(text_of("README.md")) if len(row) == 2}
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    environments:
      production:
        app_path: /srv/my_api
        hosts: [web1]
        service: {exec: app}
        health_check: {url: "http://127.0.0.1:8000/health"}
"""


def state(part: str) -> str:
    found = [text for name, text in STATES.items() if name == part or name.startswith(f"{part} (")]
    assert len(found) == 1, f"README: one row '{part}' in the table of what works"
    return found[0]


def is_deployable(folder: Path, more: str) -> bool:
    """Whether the service of CONFIG compiles with another line in its environment."""
    (folder / "fraises.yaml").write_text(f"{CONFIG}        {more}\n")
    resolved = FraisierConfig(folder / "fraises.yaml", environ={}).get_fraise_environment("my_api", "production")
    try:
        deploy_plan(resolved, RELEASE)
    except NotBuiltYet as error:
        assert "my_api/production" in str(error)
        return False
    return True


def test_the_configuration_alone_can_be_deployed(tmp_path: Path) -> None:
    assert is_deployable(tmp_path, "keep_releases: 5")


@pytest.mark.parametrize("name", TYPES)
def test_each_fraise_type_has_its_state(name: str) -> None:
    said = state(f"fraise type `{name}`")
    assert said.startswith("works") is TYPES[name].BUILT
    assert ("not built yet" in said) is not TYPES[name].BUILT


@pytest.mark.parametrize("tool", OURS)
def test_each_migration_tool_has_its_state(tool: str, tmp_path: Path) -> None:
    more = "database: {tool: command, commands: {up: 'true'}}" if tool == "command" else f"database: {{tool: {tool}}}"
    said = state(f"migrations with `{tool}`")
    assert said.startswith("works") is is_deployable(tmp_path, more)
    assert ("not built yet: refused" in said) is not said.startswith("works")


def test_every_setting_is_built() -> None:
    """Whoever adds one that is refused for now puts it here, with a deployment that is refused by it."""
    assert not [name for name, said in STATES.items() if "not built yet: refused" in said]


def test_types_that_are_not_built_are_refused_with_a_sentence() -> None:
    config = FraisierConfig(ROOT / "fraises.example.yaml", environ={})
    refused = [resolved for resolved in config.all() if not TYPES[resolved.type].BUILT]
    assert {resolved.type for resolved in refused} == {name for name, module in TYPES.items() if not module.BUILT}
    for resolved in refused:
        with pytest.raises(NotBuiltYet) as caught:
            deploy_plan(resolved, RELEASE)
        message = str(caught.value)
        assert str(resolved.target) in message
        assert f"type '{resolved.type}'" in message
        assert "README" in message, "says where to look"
