"""fraises.yaml under a worker that works: the newest good one counts."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fraisier.engine.source import Source
from fraisier.errors import ConfigError


def branch(source: Source) -> str:
    return str(getattr(source.config().get_fraise_environment("my_api", "production").settings, "branch", ""))


def test_a_file_that_has_changed_is_read_again_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fraisier")
    path = tmp_path / "fraises.yaml"
    path.write_text(settings("one"))
    source = Source(path, {})
    before = source.config()
    assert branch(source) == "one" and source.config() is before
    path.write_text(settings("second"))
    assert branch(source) == "second"
    path.write_text("fraises: [")
    assert branch(source) == branch(source) == "second"
    assert caplog.text.count("cannot be used") == 1, "told once"
    path.unlink()
    assert branch(source) == "second"
    path.write_text(settings("${BRANCH:-third}"))
    assert branch(source) == "third"
    (tmp_path / ".env").write_text("BRANCH=fourth\n")
    assert branch(source) == "fourth"
    replacement = tmp_path / "new.yaml"
    replacement.write_text(settings("sixth"))
    replacement.replace(path)
    assert branch(source) == "sixth"


def settings(name: str) -> str:
    return f"""\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    service: {{exec: app}}
    health_check: {{url: "http://127.0.0.1:8000/health"}}
    environments:
      production: {{app_path: /srv/a, hosts: [web1], branch: "{name}"}}
"""


def test_the_first_one_must_be_good(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Source(tmp_path / "fraises.yaml", {})
