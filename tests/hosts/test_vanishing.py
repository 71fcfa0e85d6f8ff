"""A host that goes away without a word is unreachable within seconds; nobody waits for it for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.hosts.host import Host
from tests.hosts.world import World

SECONDS = 18
"""From its last word until it is given up: 12 s when it was being talked to, 10 s when not, and what a busy machine adds."""

FAULTS: dict[str, Callable[[Host], None]] = {
    "power": lambda host: host.power_cut(silent=True),
    "frozen": Host.freeze,
}
UNREACHABLE = "select * from tb_deployment_event where event = 'unreachable' order by pk_deployment_event"


def given_up_after(world: World, name: str, begun: datetime) -> float:
    """Seconds until the first event said that the host is unreachable."""
    first = world.ledger(UNREACHABLE)[0]
    assert first["host"] == name
    return (datetime.fromisoformat(first["created_at"]) - begun).total_seconds()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_host_that_vanishes_in_the_middle_is_unreachable_in_seconds(fault: str, world: World) -> None:
    hold = world.hold("after_fetch", "h2")
    process = world.start("deploy", "my_api", "production", "--json")
    hold.wait_until_reached(process)
    FAULTS[fault](hold.host)
    begun = datetime.now(UTC)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 4, out + err
    assert "h2" in out and "TargetUnreachable" in out
    assert given_up_after(world, "h2", begun) < SECONDS


@pytest.mark.parametrize("known", [True, False], ids=["kept connection", "no connection"])
def test_a_host_that_stands_still_is_unreachable_in_seconds(known: bool, world: World) -> None:
    """The hardest case: the kernel of the host still accepts the connection, and then nobody speaks."""
    if known:
        world.json("status", "--live", expect=None)
    world.host("h2").freeze()
    result = world.deploy(expect=4)
    assert (result["status"], result["error"]["code"]) == ("failed", "TargetUnreachable")
    assert "h2" in result["error"]["message"]
    assert world.ledger(UNREACHABLE)[0]["duration_seconds"] < SECONDS
    assert world.current("h1") == "", "nothing was switched anywhere"


def test_a_host_that_is_gone_is_asked_to_stop_once(world: World) -> None:
    """Going back asks it again to take its place, and owes it that: to ask once more whether something still runs would take as long."""
    world.deploy()
    world.release(2)
    hold = world.hold("before_restart", "h2")
    process = world.start("deploy", "my_api", "production", "--json")
    hold.wait_until_reached(process)
    hold.host.power_cut(silent=True)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 7, out + err
    asked = [row["action"] for row in world.ledger(UNREACHABLE) if row["host"] == "h2" and row["run"] == "compensate"]
    assert sum(action.endswith("stop") for action in asked) == 1
    assert len(asked) > 1, "it was asked to go back, too"
