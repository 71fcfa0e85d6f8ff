"""Hosts that owe a release: it is not tried to settle that before somebody answers where they are."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fraisier.config import FraisierConfig
from fraisier.engine.body import may_be_back
from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Target

TARGET = Target("my_api", "production")
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    service: {{exec: app}}
    health_check: {{url: "http://127.0.0.1:8000/health"}}
    environments:
      production:
        app_path: /srv/a
        {placement}
"""


@pytest.fixture
def port() -> int:
    """One on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer(tmp_path: Path, ledger: Ledger, placement: str, *, owing: str = "web1", target: Target = TARGET) -> bool:
    write.record_host_release(ledger, TARGET, owing, state="debt", release_id="R1")
    path = tmp_path / "fraises.yaml"
    path.write_text(CONFIG.format(placement=placement))
    return may_be_back(ledger, FraisierConfig(path, environ={}), target)


def test_a_host_counts_as_away_until_its_port_answers(tmp_path: Path, ledger: Ledger, port: int) -> None:
    placement = f"hosts: [{{name: web1, address: 127.0.0.1, port: {port}}}, {{name: web2, address: 127.0.0.1}}]"
    assert not answer(tmp_path, ledger, placement)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert answer(tmp_path, ledger, placement)


def test_what_cannot_be_asked_from_here_is_tried(tmp_path: Path, ledger: Ledger, port: int) -> None:
    assert answer(
        tmp_path, ledger, f"hosts: [{{name: web1, address: 127.0.0.1, port: {port}, bastion: jump.example.com}}]"
    )
    assert answer(tmp_path, ledger, "connection: local", owing="localhost")


def test_what_is_no_longer_configured_is_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    placement = "hosts: [web9]"
    assert not answer(tmp_path, ledger, placement)
    assert not answer(tmp_path, ledger, placement, target=Target("my_api", "gone"))
