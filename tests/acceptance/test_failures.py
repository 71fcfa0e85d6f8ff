"""A failure in every phase, on a first and on a third deployment: symlink, process, dependency, schema, ledger and exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fraisier.errors import TargetLocked
from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Target
from tests.acceptance.world import World, wait_for


@dataclass(frozen=True)
class Fault:
    """How a phase is made to fail, what the record then says, and whether something had moved and was put back."""

    phase: str
    cause: Callable[[World, int], tuple[str, ...]]
    exit_code: int
    says: str
    was_put_back: bool


def unknown_commit(world: World, number: int) -> tuple[str, ...]:
    return ("--commit", "f" * 40)


def missing_dependency(world: World, number: int) -> tuple[str, ...]:
    world.release(number)
    (world.repository / "requirements.txt").write_text("dep==99.0\n")
    world.commit("asks for a dependency that does not exist")
    return ()


READS_ANYTHING = ("        branch: main\n", "        branch: main\n        risk: {unknown: apply}\n")


def broken_migration(world: World, number: int) -> tuple[str, ...]:
    world.write_config(READS_ANYTHING)
    if number == 1:
        world.edit(
            "migrations/versions/0001.py",
            "def upgrade() -> None:\n",
            "def upgrade() -> None:\n    op.execute('no sql')\n",
        )
        world.commit("a migration that is no SQL")
    else:
        world.release(number, more="\n    op.execute('no sql')")
    return ()


def incomplete_release(world: World, number: int) -> tuple[str, ...]:
    if number > 1:
        world.release(number)
    world.write_config(("    install:\n", "    install:\n      - rm REVISION\n"))
    return ()


def dies_at_start(world: World, number: int) -> tuple[str, ...]:
    if number > 1:
        world.release(number)
    world.edit("service.py", "import dep", "import dep, no_such_module")
    world.commit("does not start")
    return ()


def answers_500(world: World, number: int) -> tuple[str, ...]:
    world.release(number, migration=number > 1, status=500)
    return ()


FAULTS = (
    Fault("fetch", unknown_commit, 1, "ffffffffff", was_put_back=False),
    Fault("build", missing_dependency, 1, "99.0", was_put_back=False),
    Fault("migrate", broken_migration, 1, "syntax error", was_put_back=False),
    Fault("activate", incomplete_release, 1, "REVISION", was_put_back=True),
    Fault("restart", dies_at_start, 1, "no_such_module", was_put_back=True),
    Fault("health", answers_500, 5, "500", was_put_back=True),
)


def assert_recorded(world: World, fault: Fault, result: dict[str, object]) -> None:
    expected = "rolled_back" if fault.was_put_back else "failed"
    assert result["status"] == expected, result
    assert world.history()[0]["status"] == expected
    logs = world.json("logs", str(result["id"]))
    failed = [event for event in logs["events"] if event["event"] == "failed" and event["run"] == "deploy"]
    assert failed[0]["phase"] == fault.phase, failed
    everything = str(failed[0]) + str(result["error"])
    assert fault.says in everything, "the cause itself must be on record"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.phase)
def test_on_a_first_deployment_nothing_is_left_and_the_next_one_works(world: World, fault: Fault) -> None:
    where = world.production
    arguments = fault.cause(world, 1)
    result = world.deploy(*arguments, expect=fault.exit_code)
    assert_recorded(world, fault, result)
    assert where.current() == ""
    assert where.answer() is None
    assert where.service_pids() == []
    assert where.schema() == ""
    world.write_config()
    world.git("checkout", "--quiet", world.git("rev-list", "--max-parents=0", "HEAD"), "--", ".")
    good = world.commit("good again")
    assert world.deploy()["status"] == "success"
    world.assert_serving(good, "v1", schema="0001")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.phase)
@pytest.mark.deployed(2)
def test_on_a_third_deployment_the_second_goes_on_serving(world: World, fault: Fault) -> None:
    second = world.git("rev-parse", "HEAD")
    before = world.production.service_pids()
    arguments = fault.cause(world, 3)
    result = world.deploy(*arguments, expect=fault.exit_code)
    assert_recorded(world, fault, result)
    world.assert_serving(second, "v2", schema="0002")
    if not fault.was_put_back:
        assert world.production.service_pids() == before, "what never switched must not be restarted"
    live = world.json("status", "--live")["fraises"][0]
    assert (live["status"], live["version"], live["hosts"][0]["drift"]) == ("healthy", second, [])


OWN_TOOL = """\
        risk: {{unknown: apply}}
        database:
          tool: command
          commands:
            up: "{python} -m alembic upgrade head"
          url: "sqlite:///{database}"
"""


def test_a_tool_without_a_way_down_leaves_the_schema_and_brings_everything_else_back(world: World) -> None:
    where = world.production
    line = f'        database: {{tool: alembic, url: "sqlite:///{where.database}"}}\n'
    world.write_config((line, OWN_TOOL.format(python=sys.executable, database=where.database)))
    first = world.git("rev-parse", "HEAD")
    world.deploy()
    world.release(2, status=500)
    result = world.deploy(expect=5)
    assert result["status"] == "rolled_back"
    world.assert_serving(first, "v1", schema="0002")
    world.release(2, migration=False)
    world.deploy()
    assert world.rollback()["status"] == "success"
    world.assert_serving(first, "v1", schema="0002")


def test_a_controller_that_lost_its_claim_stops_and_settles_nothing(world: World) -> None:
    world.write_config(("    install:\n", "    install:\n      - sleep 6\n"))
    running = world.start("deploy", "my_api", "production")
    wait_for(lambda: world.history() and world.history()[0]["status"] == "in_progress", "it runs")
    with Ledger(world.environ["FRAISIER_DATABASE_URL"]) as ledger:
        assert write.interrupt_orphans(ledger, Target("my_api", "production"), lambda owner: False)
    out, err = running.communicate(timeout=60)
    assert running.returncode == TargetLocked.exit_code, out + err
    assert "taken this deployment over" in err
    assert world.history()[0]["status"] == "interrupted", "a zombie does not overwrite what its successor has written"
    assert world.production.current() == ""
