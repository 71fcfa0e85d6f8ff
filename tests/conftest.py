"""For all tests: a clean environment, and in CI no skip that nobody expects."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no fault of the code.
settings.register_profile("patient", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

EXPECTED_SKIPS: tuple[str, ...] = (
    "no booted hosts here: booted hosts need root",
    "no containers here: containers of the tests need root",
    "atheris has no wheel",
    "no examples of octokit",
    "no dbmate",
)
"""Beginnings of reasons that may skip a test in CI."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the developer's own configuration, ledger, caches or Ansible settings."""
    for name in list(os.environ):
        if name.startswith(("FRAISIER_", "ANSIBLE_", "GIT_", "XDG_")):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home", numbered=True)
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip that is not on the list is a failure: a check that quietly stops running is worse than a red one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None or hasattr(session.config, "workerinput"):
        return
    reasons = [str(report.longrepr[2]).removeprefix("Skipped: ") for report in reporter.stats.get("skipped", [])]
    unexpected = sorted({reason for reason in reasons if not reason.startswith(EXPECTED_SKIPS or ("\0",))})
    if unexpected:
        reporter.write_line(f"unexpected skips in CI: {unexpected}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
