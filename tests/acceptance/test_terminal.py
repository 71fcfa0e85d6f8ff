"""What a person sees: a live grid on a terminal of 80 columns, plain lines without one, the cause of a failure in both."""

from __future__ import annotations

import re

import pexpect
import pytest

from tests.acceptance.world import FRAISIER, World

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(world: World, *arguments: str) -> tuple[str, int]:
    """Run a command on a terminal of 80x30; returns the bytes that the terminal got, as text, and the exit code."""
    environ = world.environ | {"TERM": "xterm-256color"}
    child = pexpect.spawn(
        str(FRAISIER),
        list(arguments),
        env=environ,
        cwd=str(world.root),
        dimensions=(30, 80),
        encoding="utf-8",
        timeout=120,
    )
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before), int(child.exitstatus or 0)


def test_a_deployment_on_a_terminal_draws_every_phase_and_ends_with_a_sentence(world: World) -> None:
    shown, code = on_a_terminal(world, "deploy", "my_api", "production")
    assert code == 0, shown
    assert "\x1b[" in shown, "a terminal gets colours"
    text = CONTROL.sub("", shown)
    for phase in ("preflight", "fetch", "build", "migrate", "activate", "restart", "health", "verify", "prune"):
        assert re.search(rf"{phase}\s+[✔●] localhost", text), phase
    sentence, release = text.splitlines()[-2:]
    assert sentence.startswith("success in ") and len(sentence) <= 80
    assert release.strip().removesuffix(")") == world.production.current()
    assert "\x1b[?25h" in shown, "the cursor is given back"


@pytest.mark.deployed(1)
def test_a_failure_on_a_terminal_shows_its_cause_and_that_it_was_put_back(world: World) -> None:
    world.release(2)
    world.edit("service.py", "import dep", "import dep, no_such_module")
    world.commit("does not start")
    shown, code = on_a_terminal(world, "deploy", "my_api", "production")
    text = CONTROL.sub("", shown)
    assert code == 1
    assert "No module named 'no_such_module'" in text
    assert "going back to what was there before" in text
    assert re.search(r"undo restart\s+[✔●] localhost", text)
    assert "rolled_back" in text


def test_without_a_terminal_there_are_no_control_codes(world: World) -> None:
    done = world.fraisier("deploy", "my_api", "production")
    assert "\x1b" not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.search(r"^health +localhost +ok ", done.stdout, re.MULTILINE)
    phases = ["preflight", "fetch", "build", "migrate", "activate", "restart", "health", "verify", "prune"]
    assert [line.split()[0] for line in lines[1:-2]] == phases, "a line for each phase, and nothing else"
