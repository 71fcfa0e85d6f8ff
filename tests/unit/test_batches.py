"""Batches: every host once, in order, by numbers and percentages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraisier.batches import batches
from fraisier.fraise_types.settings import Rollout


def sizes(strategy: str, batch_size: object, hosts: int) -> list[int]:
    rollout = Rollout.model_validate({"strategy": strategy, "batch_size": batch_size})
    return [len(batch) for batch in batches(rollout, [f"h{number}" for number in range(hosts)])]


@pytest.mark.parametrize(
    ("strategy", "batch_size", "hosts", "expected"),
    [
        ("all", 1, 5, [5]),
        ("rolling", 1, 3, [1, 1, 1]),
        ("rolling", 2, 5, [2, 2, 1]),
        ("rolling", "25%", 8, [2, 2, 2, 2]),
        ("rolling", "10%", 3, [1, 1, 1]),
        ("rolling", [1, "10%", "100%"], 20, [1, 2, 17]),
        ("rolling", [1, "50%"], 9, [1, 4, 4]),
        ("canary", 1, 5, [1, 4]),
        ("canary", [1, 2], 9, [1, 2, 6]),
        ("canary", 9, 5, [5]),
    ],
)
def test_sizes(strategy: str, batch_size: object, hosts: int, expected: list[int]) -> None:
    assert sizes(strategy, batch_size, hosts) == expected


@given(
    st.sampled_from(["all", "rolling", "canary"]),
    st.lists(st.one_of(st.integers(1, 30), st.integers(1, 100).map("{}%".format)), min_size=1, max_size=4),
    st.lists(st.integers(0, 999).map("h{}".format), unique=True, min_size=1, max_size=40),
)
def test_every_host_is_in_exactly_one_batch_in_its_order(
    strategy: str, batch_size: list[int | str], hosts: list[str]
) -> None:
    found = batches(Rollout.model_validate({"strategy": strategy, "batch_size": batch_size}), hosts)
    assert [name for batch in found for name in batch] == hosts
    assert all(found)
