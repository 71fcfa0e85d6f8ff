"""What fraises.example.yaml compiles to stands in inventory/example/; a change of the compiler shows there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraisier.compile import RELEASE_ID, deploy_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.fraise_types import TYPES
from fraisier.run import project
from tests.docs.pages import ROOT
from tests.docs.subjects import RELEASE

EXAMPLE = ROOT / "inventory" / "example"
CONFIG = FraisierConfig(ROOT / "fraises.example.yaml", environ={})
DEPLOYABLE = [resolved for resolved in CONFIG.all() if TYPES[resolved.type].BUILT]


class Loader(yaml.SafeLoader):
    """Reads inventories; what is tagged unsafe is text."""


def _text(loader: Loader, node: yaml.Node) -> str:
    assert isinstance(node, yaml.ScalarNode)
    return str(loader.construct_scalar(node))


Loader.add_constructor("!unsafe", _text)


def path_of(resolved: ResolvedFraise) -> Path:
    return EXAMPLE / f"{resolved.target.fraise}-{resolved.target.environment}.yml"


@pytest.mark.parametrize("resolved", DEPLOYABLE, ids=lambda resolved: resolved.target.slug)
def test_a_target_compiles_to_its_inventory(resolved: ResolvedFraise) -> None:
    assert RELEASE_ID.fullmatch(RELEASE.release_id)
    text = path_of(resolved).read_text()
    comments = [line for line in text.splitlines() if line.startswith("#")]
    plan = deploy_plan(resolved, RELEASE)
    body = "\n".join(line for line in text.splitlines() if line not in ("---", *comments)) + "\n"
    assert body == project.to_yaml(plan.inventory()), "python tools/docs.py writes it again; look at the difference"
    assert plan.playbook in comments[0]
    assert {name for name in plan.secrets if any(f"fraisier_secrets.{name}:" in line for line in comments)} == set(
        plan.secrets
    )


def test_there_is_a_file_for_each_deployable_target_and_no_other() -> None:
    assert sorted(path_of(resolved) for resolved in DEPLOYABLE) == sorted(EXAMPLE.glob("*"))


@pytest.mark.parametrize("resolved", DEPLOYABLE, ids=lambda resolved: resolved.target.slug)
def test_an_inventory_holds_no_value_of_a_secret(resolved: ResolvedFraise) -> None:
    data: Any = yaml.load(path_of(resolved).read_text(), Loader=Loader)
    assert "only-an-example" not in json.dumps(data)
    balancers = resolved.settings.load_balancer.hosts if resolved.settings.load_balancer else ()
    expected = {host.name for host in (*resolved.settings.hosts, *balancers)}
    assert set(data["all"]["hosts"]) == expected
