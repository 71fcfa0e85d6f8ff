"""Values of secrets, for as long as they are needed: asks each back end once for all its references, and keeps the answers in memory."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from fraisier.errors import FraisierError, Problem, SecretUnavailable
from fraisier.secrets.registry import BACKENDS

if TYPE_CHECKING:
    from fraisier.secrets import Address, SecretRef
    from fraisier.secrets.registry import Backend

Asked = tuple["Address", str]
"""An address, and the folder that relative paths of it start at."""


class Keyring:
    """Reveals secrets. One for each deployment, so that going back does not depend on a back end that answered when it began.

    What a back end said is asked for again after ``keep_seconds``. Any number of threads may use one.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        keep_seconds: float = inf,
        clock: Callable[[], float] = time.monotonic,
        backends: Mapping[str, Backend] = BACKENDS,
    ) -> None:
        self._environ, self._keep_seconds, self._clock, self._backends = environ, keep_seconds, clock, backends
        self._values: dict[Asked, tuple[str, float]] = {}
        self._mutex = Lock()

    def reveal(self, secrets: Mapping[str, SecretRef]) -> dict[str, str]:
        """The value of each secret by its name; beside them, under the reference itself, what back ends gave: it is masked alone, too.

        Raises ConfigError for a variable that is not set, SecretUnavailable with every reference that has no value, both with the place.
        """
        for secret in secrets.values():  # what is wrong here is told before anybody is asked
            secret.filled(self._environ, defaultdict(str))
        with self._mutex:
            self._ask(secrets.values())
            values = {asked: value for asked, (value, _) in self._values.items()}
        found = {
            name: secret.filled(self._environ, {each: values[each, secret.root] for each in secret.addresses})
            for name, secret in secrets.items()
        }
        parts = {str(each): values[each, one.root] for one in secrets.values() for each in one.addresses}
        return {**parts, **found}

    def one(self, secret: SecretRef) -> str:
        """The value of a single secret."""
        return self.reveal({"": secret})[""]

    def known(self) -> frozenset[str]:
        """Everything that back ends have said so far, for masking; asks nobody."""
        with self._mutex:
            return frozenset(value for value, _ in self._values.values())

    def forget(self) -> None:
        """Ask again at the next look."""
        with self._mutex:
            self._values.clear()

    def _ask(self, secrets: Iterable[SecretRef]) -> None:
        now = self._clock()
        places: defaultdict[Asked, list[str]] = defaultdict(list)
        for secret in secrets:
            for address in secret.addresses:
                kept = self._values.get((address, secret.root))
                if kept is None or now - kept[1] >= self._keep_seconds:
                    places[address, secret.root].append(secret.place)
        rounds: defaultdict[tuple[str, str], list[Address]] = defaultdict(list)
        for address, root in places:
            rounds[address.backend, root].append(address)
        if not rounds:
            return
        with ThreadPoolExecutor(max_workers=len(rounds)) as pool:
            answers = list(pool.map(self._round, rounds.items()))
        found = {asked: value for answer in answers for asked, value in answer.items()}
        errors = {asked: value for asked, value in found.items() if isinstance(value, SecretUnavailable)}
        if errors:
            raise _together(errors, places)
        self._values |= {asked: (value, now) for asked, value in found.items() if isinstance(value, str)}

    def _round(self, item: tuple[tuple[str, str], list[Address]]) -> dict[Asked, str | SecretUnavailable]:
        """What one back end says; an error of its own is the answer to everything that it was asked."""
        (name, root), asked = item
        try:
            said = self._backends[name].fetch([address.text for address in asked], self._environ, Path(root))
        except SecretUnavailable as error:
            return {(address, root): error for address in asked}
        except FraisierError as error:
            return {(address, root): SecretUnavailable(error.message, hint=error.hint) for address in asked}
        except Exception as error:  # noqa: BLE001 - a package of somebody else's; its words may hold what nobody should read
            fault = SecretUnavailable(f"the back end {name!r} failed with {type(error).__name__}")
            return {(address, root): fault for address in asked}
        return {(address, root): _checked(said.get(address.text)) for address in asked}


def _checked(value: object) -> str | SecretUnavailable:
    if isinstance(value, SecretUnavailable):
        return value
    if value is None:
        return SecretUnavailable("there is no such secret")
    if not isinstance(value, str):
        return SecretUnavailable("its value is not text")
    if not value:
        return SecretUnavailable("its value is empty")
    return SecretUnavailable("its value holds a NUL character") if "\0" in value else value


def _together(errors: Mapping[Asked, SecretUnavailable], places: Mapping[Asked, list[str]]) -> SecretUnavailable:
    """One error of all; what concerns several references of one back end alike is told for the first of them, with how many there are."""
    problems, told = [], dict[int, int]()
    alike = [id(error) for error in errors.values()]
    for (address, root), error in errors.items():
        if id(error) in told:
            continue
        told[id(error)] = 1
        more = alike.count(id(error)) - 1
        also = f" (and {more} more of {address.backend})" if more else ""
        problems += [
            Problem(f"{address}{also}: {error.message}", path=place, hint=error.hint)
            for place in places[address, root][:1]
        ]
    return SecretUnavailable(problems, retriable=all(error.retriable for error in errors.values()))
