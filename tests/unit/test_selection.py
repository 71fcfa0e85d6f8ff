"""Choosing hosts: the meaning of each term, and of their combination."""

from __future__ import annotations

import pytest

from fraisier.errors import UsageError
from fraisier.selection import Choice

CHOICE = Choice(
    {
        "web1": {"region": "eu", "disk": "ssd"},
        "web2": {"region": "us"},
        "web3": {"region": "eu-west"},
        "db1": {"region": "eu"},
        "eu": {},
    },
    {"eu": ("web1", "db1"), "databases": ("db1",), "empty": ()},
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("web1", ["web1"]),
        ("db1, web1", ["web1", "db1"]),  # the order is that of the hosts
        ("web*", ["web1", "web2", "web3"]),
        ("web[12]", ["web1", "web2"]),
        ("databases", ["db1"]),
        ("eu", ["web1", "db1", "eu"]),  # a group and a host
        ("@eu", ["web1", "db1"]),
        ("@data*", ["db1"]),
        ("region=eu", ["web1", "db1"]),
        ("region=eu*", ["web1", "web3", "db1"]),
        ("region=*", ["web1", "web2", "web3", "db1"]),
        ("disk=", []),
        ("all", ["web1", "web2", "web3", "db1", "eu"]),
        ("!web3", ["web1", "web2", "db1", "eu"]),
        ("!region=eu,!eu", ["web2", "web3"]),
        ("&region=eu", ["web1", "db1"]),
        ("web*,&region=eu", ["web1"]),
        ("&region=eu,web*", ["web1"]),  # wherever it stands
        ("!web1,web*,databases", ["web2", "web3", "db1"]),
        ("web*,&region=*,&@eu", ["web1"]),
        ("region=moon", []),
        ("@empty", []),
    ],
)
def test_pattern(pattern: str, expected: list[str]) -> None:
    assert list(CHOICE.matching(pattern)) == expected


@pytest.mark.parametrize("pattern", ["", "web1,", "!", "&", "@", "!@", "=eu", "!!web1", "web1 web2", "~web.*"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="does not choose hosts"):
        CHOICE.matching(pattern)


def test_names_that_nobody_has_are_told() -> None:
    assert CHOICE.unknown("web1,web9,!wbe1,&@datbases,region=x,we?9,all") == ["web9", "wbe1", "datbases"]
