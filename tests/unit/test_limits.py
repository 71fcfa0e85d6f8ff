"""Which of what is due may begin beside what runs."""

from __future__ import annotations

import pytest

from fraisier.engine.due import Due, Limits
from fraisier.vocabulary import Target


def target(text: str) -> Target:
    fraise, _, environment = text.partition("/")
    return Target(fraise, environment)


@pytest.mark.parametrize(
    ("limits", "waiting", "held", "admitted"),
    [
        (Limits(), "a/p b/p c/s", "", "a/p b/p c/s"),
        (Limits(2), "a/p b/p c/s", "", "a/p b/p"),
        (Limits(2), "a/p b/p c/s", "x/p", "a/p"),
        (Limits(2), "a/p b/p", "x/p y/p z/p", ""),
        (Limits(None, {"p": 1}), "a/p b/p c/s", "", "a/p c/s"),
        (Limits(None, {"p": 1}), "a/p b/p c/s d/s", "x/p", "c/s d/s"),
        (Limits(2, {"p": 1}), "a/p b/p c/s d/s", "", "a/p c/s"),
        (Limits(1, {"p": 2}), "a/s b/p", "", "a/s"),
    ],
)
def test_limits(limits: Limits, waiting: str, held: str, admitted: str) -> None:
    found = limits.admitted([Due(target(word)) for word in waiting.split()], [target(word) for word in held.split()])
    assert [str(each.target) for each in found] == admitted.split()


def test_only_limits_that_say_something_cost_something() -> None:
    assert not Limits()
    assert Limits(3) and Limits(None, {"production": 1})
