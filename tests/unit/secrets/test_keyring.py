"""A keyring asks each back end once, keeps what it said, and says where what is missing was written; no message holds a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fraisier.errors import ConfigError, SecretUnavailable
from fraisier.secrets import SecretRef
from fraisier.secrets.keyring import Keyring
from fraisier.secrets.registry import Backend


@dataclass
class Box:
    """A back end in memory: a value, an error, or nothing."""

    values: Mapping[str, object]
    name: str = "box"
    asked: list[Sequence[str]] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    failure: Exception | None = None

    def fault_of(self, address: str) -> str:
        return ""

    def fetch(
        self, addresses: Sequence[str], environ: Mapping[str, str], root: Path
    ) -> Mapping[str, str | SecretUnavailable]:
        self.asked.append(addresses)
        self.roots.append(root)
        if self.failure:
            raise self.failure
        return {each: self.values[each] for each in addresses if each in self.values}  # type: ignore[misc]


def keyring(*boxes: Backend, environ: Mapping[str, str] | None = None, **more: float) -> Keyring:
    return Keyring(environ or {}, backends={box.name: box for box in boxes}, **more)


def test_one_round_for_each_back_end_whatever_the_number_of_secrets() -> None:
    box, other = Box({"a": "hunter2", "b": "hunter3"}), Box({"c": "hunter4"}, "other")
    secrets = {
        "one": SecretRef("postgresql://${USER}:${box:a}@db", "1", "/etc"),
        "two": SecretRef("${box:b}${box:a}", "2", "/etc"),
        "three": SecretRef("${other:c}$${box:a}", "3", "/etc"),
    }
    found = keyring(box, other, environ={"USER": "me"}).reveal(secrets)
    assert found == {
        "one": "postgresql://me:hunter2@db",
        "two": "hunter3hunter2",
        "three": "hunter4${box:a}",
        "${box:a}": "hunter2",
        "${box:b}": "hunter3",
        "${other:c}": "hunter4",
    }
    assert (box.asked, other.asked) == ([["a", "b"]], [["c"]])
    assert box.roots == [Path("/etc")]


def test_nobody_is_asked_for_secrets_of_variables_alone() -> None:
    box = Box({})
    assert keyring(box, environ={"A": "x"}).reveal({"one": SecretRef("${A}")}) == {"one": "x"}
    assert not box.asked


def test_a_missing_variable_is_told_before_anybody_is_asked() -> None:
    box = Box({"a": "x"})
    with pytest.raises(ConfigError, match="here: the variable NONE is not set"):
        keyring(box).reveal({"one": SecretRef("${box:a}${NONE}", "here")})
    assert not box.asked


def test_what_is_known_outlives_the_back_end_until_it_is_too_old() -> None:
    now = [0.0]
    box = Box({"a": "hunter2"})
    ring = Keyring({}, backends={"box": box}, keep_seconds=60, clock=lambda: now[0])
    secret = SecretRef("${box:a}", "here")
    assert ring.known() == frozenset()
    assert ring.one(secret) == "hunter2"
    box.failure = SecretUnavailable("does not answer", retriable=True)
    now[0] = 59.0
    assert ring.one(secret) == "hunter2"
    assert ring.known() == {"hunter2"}
    now[0] = 60.0
    with pytest.raises(SecretUnavailable):
        ring.one(secret)
    assert len(box.asked) == 2


def test_a_deployment_asks_once_however_long_it_takes() -> None:
    now = [0.0]
    box = Box({"a": "hunter2"})
    ring = Keyring({}, backends={"box": box}, clock=lambda: now[0])
    for now[0] in (0.0, 1e6):
        assert ring.one(SecretRef("${box:a}", "here")) == "hunter2"
    assert len(box.asked) == 1


def test_everything_that_has_no_value_is_told_at_once_with_its_place() -> None:
    box = Box(
        {"a": SecretUnavailable("has no key 'a'", hint="it has: b"), "b": "", "c": 5, "d": "x\0y", "f": "hunter2"}
    )
    secrets = {each: SecretRef(f"${{box:{each}}}", f"fraises.yaml:{n}:1 {each}") for n, each in enumerate("abcdef")}
    with pytest.raises(SecretUnavailable) as caught:
        keyring(box).reveal(secrets)
    assert [str(problem) for problem in caught.value.problems] == [
        "fraises.yaml:0:1 a: ${box:a}: has no key 'a', it has: b",
        "fraises.yaml:1:1 b: ${box:b}: its value is empty",
        "fraises.yaml:2:1 c: ${box:c}: its value is not text",
        "fraises.yaml:3:1 d: ${box:d}: its value holds a NUL character",
        "fraises.yaml:4:1 e: ${box:e}: there is no such secret",
    ]
    assert caught.value.exit_code == 3
    assert not caught.value.retriable
    assert "hunter2" not in str(caught.value)


def test_a_back_end_that_does_not_answer_is_told_once() -> None:
    box = Box({}, failure=SecretUnavailable("https://vault did not answer", hint="is it up?", retriable=True))
    secrets = {each: SecretRef(f"${{box:{each}}}", f"fraises.yaml:1:1 {each}") for each in "abc"}
    with pytest.raises(SecretUnavailable) as caught:
        keyring(box).reveal(secrets)
    assert str(caught.value) == (
        "fraises.yaml:1:1 a: ${box:a} (and 2 more of box): https://vault did not answer, is it up?"
    )
    assert caught.value.retriable


def test_words_of_a_back_end_that_breaks_are_not_repeated() -> None:
    box = Box({}, failure=ValueError("cannot parse hunter2"))
    with pytest.raises(SecretUnavailable, match="the back end 'box' failed with ValueError") as caught:
        keyring(box).one(SecretRef("${box:a}", "here"))
    assert "hunter2" not in str(caught.value)
