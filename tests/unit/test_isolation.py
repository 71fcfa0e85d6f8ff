"""Many fraises on one host, two environments on one host, one fraise on many hosts: no plan holds anything of another."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from fraisier.compile import Move, deploy_plan, rollback_plan, status_plan
from fraisier.config import FraisierConfig
from fraisier.plan import Plan, Release
from fraisier.run import project

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
NAMES = [("shop", "production"), ("shop", "staging"), ("blog", "production"), ("blog", "staging")]


def settings(mark: str) -> dict[str, Any]:
    """Settings of which every text has the mark of its target."""
    return {
        "app_path": f"/srv/{mark}",
        "branch": mark,
        "hosts": ["one", {"name": "two", "labels": {mark: mark}, "vars": {f"own_{mark}": mark}}],
        "environment": {f"NAME_{mark}": mark, "SECRET": f"${{SECRET_{mark}}}"},
        "vars": {f"variable_{mark}": f"{{{{ '{mark}' }}}}"},
        "shared": [f"{mark}/"],
        "install": f"make {mark}",
        "database": {"tool": "alembic", "url": f"${{DSN_{mark}}}", "config": f"{mark}.ini"},
        "service": {"exec": f"bin/{mark}", "environment": {"OF": mark}, "options": {"Slice": f"{mark}.slice"}},
        "health_check": {"url": f"http://127.0.0.1:8000/{mark}", "headers": {"X-Of": mark}},
    }


def mark(fraise: str, environment: str) -> str:
    return f"{fraise}{environment}mark"


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[Plan]]:
    fraises: dict[str, Any] = {}
    for fraise, environment in NAMES:
        section = fraises.setdefault(fraise, {"type": "api", "git_repo": f"/repositories/{fraise}", "environments": {}})
        section["environments"][environment] = settings(mark(fraise, environment))
    path: Path = tmp_path_factory.mktemp("isolation") / "fraises.yaml"
    path.write_text(json.dumps({"fraises": fraises}))
    marks = [mark(*name) for name in NAMES]
    config = FraisierConfig(path, environ={f"{kind}_{each}": each for each in marks for kind in ("SECRET", "DSN")})
    found = {}
    for name in NAMES:
        resolved = config.get_fraise_environment(*name)
        move = Move(dict.fromkeys(("one", "two"), RELEASE), schema="1", schema_release=RELEASE)
        found[name] = [deploy_plan(resolved, RELEASE), rollback_plan(resolved, move), status_plan(resolved, RELEASE)]
    return found


@pytest.mark.parametrize("name", NAMES, ids="/".join)
def test_a_plan_holds_nothing_of_another_target(
    plans: dict[tuple[str, str], list[Plan]], name: tuple[str, str]
) -> None:
    for plan in plans[name]:
        text = project.to_yaml(plan.inventory()) + json.dumps(plan.snapshot())
        assert text.count(mark(*name)) > 20
        for other in NAMES:
            assert other == name or mark(*other) not in text


def test_what_targets_have_on_a_host_has_different_names(plans: dict[tuple[str, str], list[Plan]]) -> None:
    """Folder, unit, environment file and locks, which all lie in the folder: nobody meets another there."""
    for one, other in itertools.combinations(NAMES, 2):
        for name in ("fraisier_app_path", "fraisier_systemd_unit", "fraisier_target"):
            assert plans[one][0].variables[name] != plans[other][0].variables[name]


@pytest.mark.parametrize("name", NAMES, ids="/".join)
def test_a_variable_of_one_host_is_not_one_of_the_others(
    plans: dict[tuple[str, str], list[Plan]], name: tuple[str, str]
) -> None:
    for plan in plans[name]:
        assert f"own_{mark(*name)}" in plan.hosts["two"]
        assert (
            not set(plan.hosts["two"])
            - {"ansible_host", "fraisier_labels", f"own_{mark(*name)}"}
            - set(plan.hosts["one"])
        )
        assert not any("mark" in key for key in plan.hosts["one"])
