"""A folder with a fraises.yaml, and the configuration or the messages that come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from fraisier.config import FraisierConfig
from fraisier.errors import ConfigError

Load = Callable[..., FraisierConfig]
Messages = Callable[..., list[str]]

API = """
    type: api
    git_repo: https://git.example.com/my_api.git
    app_path: /srv/my_api
    hosts: [web1]
    service: {exec: ./run}
    health_check: {url: http://localhost/health}
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the given text as fraises.yaml; ``dotenv`` is put beside it."""

    def load_text(
        text: str | bytes, environ: Mapping[str, str] | None = None, dotenv: str | None = None
    ) -> FraisierConfig:
        content = text if isinstance(text, bytes) else dedent(text).encode()
        (tmp_path / "fraises.yaml").write_bytes(content)
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv)
        return FraisierConfig(cwd=tmp_path, environ=environ or {})

    return load_text


@pytest.fixture
def messages(load: Load) -> Messages:
    """The problems of the given text, one string each."""

    def messages_of(
        text: str | bytes, environ: Mapping[str, str] | None = None, dotenv: str | None = None
    ) -> list[str]:  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            load(text, environ, dotenv)
        assert caught.value.exit_code == 3
        return [str(problem) for problem in caught.value.problems]

    return messages_of


def api(*, settings: str = "", environment: str = "{}", rest: str = "") -> str:
    """A valid file with one api, ``my_api``, in production, with more settings at either level."""
    extra = "".join(f"    {line}\n" for line in dedent(settings).strip().splitlines())
    return f"fraises:\n  my_api:{API}{extra}    environments:\n      production: {environment}\n{dedent(rest)}"
