"""Secrets of hooks that a back end keeps change without a new configuration, and no delivery waits for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from fraisier.deliveries.desk import Desk
from fraisier.errors import ConfigError, SecretUnavailable
from fraisier.web.renewal import LONGEST_SECONDS, Renewal
from tests.unit.deliveries.conftest import Make

SECTIONS = """
git: {github: {webhook_secret: "${file:github}"}, gitlab: {webhook_secret: "${GITLAB}"}}
"""
FIRST, SECOND = "the-first-of-the-two-secrets", "the-second-of-the-two-secrets"


def secrets(desk: Desk, provider: str) -> tuple[str, ...]:
    return desk.hooks.of_provider[provider].secrets


def test_a_changed_secret_is_in_force_at_the_next_look(make: Make, tmp_path: Path) -> None:
    (tmp_path / "github").write_text(FIRST)
    desk = make(SECTIONS)
    renewal = Renewal(SimpleNamespace(current=desk))
    assert secrets(desk, "github") == (FIRST,)
    (tmp_path / "github").write_text(SECOND)
    renewal.look()
    assert secrets(desk, "github") == (SECOND,)


def test_the_last_known_secret_stays_for_an_hour_and_then_nobody_may_call(make: Make, tmp_path: Path) -> None:
    now = [0.0]
    (tmp_path / "github").write_text(FIRST)
    desk = make(SECTIONS)
    renewal = Renewal(SimpleNamespace(current=desk), clock=lambda: now[0])
    (tmp_path / "github").unlink()
    now[0] = LONGEST_SECONDS - 1
    renewal.look()
    assert secrets(desk, "github") == (FIRST,)
    now[0] = LONGEST_SECONDS
    renewal.look()
    assert secrets(desk, "github") == ()
    assert secrets(desk, "gitlab"), "variables do not go away"
    (tmp_path / "github").write_text(SECOND)
    renewal.look()
    assert secrets(desk, "github") == (SECOND,)


def test_a_server_does_not_start_without_its_secrets(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SecretUnavailable, match=r"git.github.webhook_secret: \$\{file:github\}: there is no file"):
        make(SECTIONS)
    (tmp_path / "github").write_text("short")
    with pytest.raises(ConfigError, match=r"github\.webhook_secret: is too short for a secret"):
        make(SECTIONS)


def test_nobody_is_asked_where_no_back_end_keeps_a_secret(make: Make) -> None:
    desk = make("git: {gitlab: {webhook_secret: '${GITLAB}'}}")
    before = desk.hooks
    Renewal(SimpleNamespace(current=desk)).look()
    assert desk.hooks is before
