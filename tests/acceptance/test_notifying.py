"""Hearing of deployments: from the command that deployed where no worker is, else from the worker; never at the cost of a deployment."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.acceptance.test_worker import end, start_worker
from tests.acceptance.world import World, wait_for
from tests.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def tell(world: World, *urls: str) -> None:
    listed = "".join(f'\n    - "{url}"' for url in urls)
    world.config.write_text(f"{world.config.read_text()}\nnotifications:\n  urls:{listed}\n")


def titles(receiver: Receiver) -> list[str]:
    return [request.json["title"] for request in receiver.received]


def test_whoever_deploys_without_a_worker_tells_of_it(world: World, receiver: Receiver) -> None:
    tell(world, f"json://{receiver.place}")
    commit = world.git("rev-parse", "HEAD")
    world.fraisier("deploy", "my_api", "production")
    assert titles(receiver) == [f"my_api/production: deployed {commit[:10]}"]
    world.fraisier("deploy", "my_api", "production")
    assert len(titles(receiver)) == 1, "nothing has changed: no news"
    world.release(2, status=500)
    world.fraisier("deploy", "my_api", "production", expect=5)
    assert titles(receiver)[1:] == [f"my_api/production: rolled back to {commit[:10]}"]
    world.release(2)
    world.fraisier("deploy", "my_api", "production")
    assert titles(receiver)[2].startswith("my_api/production: recovered, deployed ")


def test_a_place_that_does_not_answer_costs_seconds_and_no_more(world: World, receiver: Receiver) -> None:
    tell(world, f"json://{receiver.place}/hook-s3cr3t-path")
    receiver.gate.clear()
    begun = time.monotonic()
    done = world.fraisier("deploy", "my_api", "production")
    printed = done.stdout.index("success in ")
    assert printed and time.monotonic() - begun < 60
    assert "json #1 has not heard of my_api/production yet" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    listed = world.fraisier("notify", "list").stdout
    assert "success of my_api/production, is tried again: " in listed and "s3cr3t" not in listed


def test_a_worker_sends_what_is_due(world: World, receiver: Receiver) -> None:
    tell(world, f"json://{receiver.place}")
    worker = start_worker(world)
    try:
        wait_for(lambda: "is ready" in (world.root / "worker.log").read_text(), "the worker is ready")
        world.fraisier("deploy", "my_api", "production", "--detach")
        assert receiver.arrived.acquire(timeout=60)
        assert titles(receiver) == [f"my_api/production: deployed {world.git('rev-parse', 'HEAD')[:10]}"]
    finally:
        end(worker)


def test_every_place_can_be_tried(world: World, receiver: Receiver) -> None:
    tell(world, f"json://{receiver.place}/s3cr3t-one", "json://127.0.0.1:1/s3cr3t-two")
    done = world.fraisier("notify", "test", expect=4)
    assert titles(receiver) == ["Fraisier: a test"]
    first, second = done.stdout.splitlines()
    assert first.split() == ["json", "#1", "sent"]
    assert second.startswith("json #2") and "127.0.0.1" not in second
    assert "s3cr3t" not in done.stdout + done.stderr
    assert world.fraisier("notify", "test", "json #1").stdout.split() == ["json", "#1", "sent"]
    assert "there is no place 'json #3'" in world.fraisier("notify", "test", "json #3", expect=2).stderr
