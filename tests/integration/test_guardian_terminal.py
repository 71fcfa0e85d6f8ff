"""The guardian's terminal of a run is closed at once when the program in it has ended."""

from __future__ import annotations

import pexpect
import pytest

from fraisier.run import guardian


@pytest.fixture(autouse=True)
def close_without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pexpect.spawn, "close", pexpect.spawn.close)
    guardian.close_without_pause()


def test_nothing_is_waited_for_when_the_program_has_ended() -> None:
    child: pexpect.spawn[str] = pexpect.spawn("sh", ["-c", "exit 3"], encoding="utf-8", timeout=60)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert child.ptyproc.delayafterclose == 0


def test_a_program_that_is_still_there_is_given_its_moment_and_ended() -> None:
    child: pexpect.spawn[str] = pexpect.spawn("sleep", ["600"], encoding="utf-8", timeout=60)
    child.close()
    assert not child.isalive()
    assert child.ptyproc.delayafterclose > 0
