"""Failures are counted by address, in a table that cannot grow."""

from __future__ import annotations

from fraisier.web.limiter import Limiter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_address_that_fails_too_often_is_over_until_its_bucket_refills() -> None:
    clock = Clock()
    limiter = Limiter(burst=3, per_second=0.5, clock=clock)
    for _ in range(3):
        assert not limiter.is_over("192.0.2.1")
        limiter.fail("192.0.2.1")
    assert limiter.is_over("192.0.2.1")
    assert not limiter.is_over("192.0.2.2")
    clock.now = 2.0
    assert not limiter.is_over("192.0.2.1")


def test_an_ipv6_address_counts_with_its_network() -> None:
    limiter = Limiter(burst=1)
    limiter.fail("2001:db8::1")
    assert limiter.is_over("2001:db8::ffff")
    assert not limiter.is_over("2001:db8:1::1")


def test_the_table_keeps_those_that_failed_last() -> None:
    limiter = Limiter(burst=1, most_addresses=100)
    for number in range(1_000):
        limiter.fail(f"192.0.2.{number}")
    assert len(limiter) == 100
    assert limiter.is_over("192.0.2.999")
    assert not limiter.is_over("192.0.2.0")
