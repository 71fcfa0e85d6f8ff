"""The back end of the how-to page, written in a package of its own outside of the repository, installed, and used by a reference."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import text_of

PAGE = "docs/how-to/write-a-secret-backend.md"
FRAISES = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/my_api.git
    app_path: /srv/my_api
    connection: local
    service: {manager: none}
    health_check: {command: "true"}
    environment:
      TOKEN: ${keyhouse:ADDRESS}
    environments: {production: {}}
"""
REVEAL = """
import os, sys
from fraisier.config import FraisierConfig
from fraisier.secrets.keyring import Keyring
settings = FraisierConfig().get_fraise_environment("my_api", "production").settings
print(Keyring(os.environ).one(settings.environment["TOKEN"]))
"""


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", text_of(PAGE), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three touches: the module, its line in pyproject.toml, the package installed."""
    folder = tmp_path_factory.mktemp("scratch")
    package = folder / "package" / "my_company_secrets"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "keyhouse.py").write_text(block("python"))
    (package.parent / "pyproject.toml").write_text(block("toml"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", folder / "site", package.parent], check=True)
    return folder / "site"


def fraisier(
    folder: Path, installed: Path, address: str, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    (folder / "fraises.yaml").write_text(FRAISES.replace("ADDRESS", address))
    return subprocess.run(
        [sys.executable, *(arguments or ("-c", REVEAL))],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(installed), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_back_end_gives_its_value(tmp_path: Path, installed: Path) -> None:
    (tmp_path / "keys").write_text("api_token=hunter2\n")
    done = fraisier(tmp_path, installed, "api_token", KEYHOUSE="keys")
    assert (done.stdout, done.stderr) == ("hunter2\n", "")


def test_what_is_wrong_is_said_in_its_words_at_the_place_of_the_reference(tmp_path: Path, installed: Path) -> None:
    (tmp_path / "keys").write_text("api_token=hunter2\n")
    place = "fraises.yaml:10:14 fraises.my_api.environment.TOKEN"
    validate = ("-m", "fraisier", "config", "validate")
    assert (
        f"{place}: expected a name after '${{keyhouse:', got 'no name'"
        in fraisier(tmp_path, installed, "no name", *validate).stderr
    )
    for said, environ in (
        ("there is no such key", {"KEYHOUSE": "keys"}),
        ("KEYHOUSE is not set, say where the key house is", {}),
        ("the key house does not answer", {"KEYHOUSE": "nowhere"}),
    ):
        done = fraisier(tmp_path, installed, "other", **environ)
        assert f"{place}: ${{keyhouse:other}}: {said}" in done.stderr
        assert "hunter2" not in done.stderr


def test_without_the_package_the_back_end_is_not_known(tmp_path: Path) -> None:
    done = fraisier(tmp_path, Path("/nowhere"), "api_token", "-m", "fraisier", "config", "validate")
    assert done.returncode == 3
    assert "there is no back end of secrets 'keyhouse', known are file, credential," in done.stderr
