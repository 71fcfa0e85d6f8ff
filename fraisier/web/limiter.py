"""Who keeps on calling without a valid signature is slowed down. Counts failures alone: a provider's own addresses never get here."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 20
PER_SECOND = 0.5
MOST_ADDRESSES = 4_096


class Limiter:
    """A bucket of ``burst`` failures for each address, refilled slowly. The table is bounded: the address not heard of for longest goes.

    Addresses of IPv6 are counted by their /64, which one customer has.
    """

    def __init__(
        self,
        *,
        burst: int = BURST,
        per_second: float = PER_SECOND,
        most_addresses: int = MOST_ADDRESSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst, self._per_second, self._most, self._clock = float(burst), per_second, most_addresses, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def is_over(self, address: str) -> bool:
        """True when the address has used up its failures."""
        return bool(self._left) and self._now(_network(address)) < 1.0

    def fail(self, address: str) -> None:
        """One more failure of the address."""
        key = _network(address)
        self._left[key] = (max(self._now(key) - 1.0, 0.0), self._clock())
        self._left.move_to_end(key)
        while len(self._left) > self._most:
            self._left.popitem(last=False)

    def retry_after_seconds(self) -> int:
        """When a failure is allowed again."""
        return max(1, round(1 / self._per_second))

    def _now(self, key: str) -> float:
        left, at = self._left.get(key, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - at) * self._per_second)


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address
