"""What a fraise type is: a module that satisfies a small face, ours or of another package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fraisier import fraise_types
from fraisier.compile import Move, config_hash, deploy_plan, rollback_plan
from fraisier.config import FraisierConfig
from fraisier.errors import ConfigError
from fraisier.fraise_types import TYPES
from fraisier.plan import Release
from fraisier.variables import repository_of

WORKER = '''
from pydantic import Field
from fraisier.fraise_types.release import Release
PLAYBOOK = "/opt/worker.yml"
BUILT = True
class Settings(Release):
    """A worker."""
    queue: str | None = Field(None, description="Where its work comes from. Required.")
    token: str | None = Field(None, description="A text. Default: none.")
    def missing(self):
        yield from super().missing()
        if self.queue is None:
            yield "queue is missing", "say where its work comes from"
    def units(self, target):
        yield "system", f"worker-{target.fraise}.service"
def variables(resolved, secrets):
    return {"worker_queue": resolved.settings.queue, "worker_what": resolved.description}
'''
BARE = WORKER.replace("release import Release", "settings import Placement").replace("(Release)", "(Placement)")

FILE = """\
fraises:
  mail:
    type: worker
    description: Sends mail
    git_repo: /srv/mail.git
    app_path: /srv/mail
    connection: local
    environments:
      production: {settings}
"""
RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789abcdef0123456789abcdef01234567")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with fraise types of its own is on the path: two that work, and several that do not."""
    modules = {
        "worker": WORKER,
        "bare": BARE,
        "bad_import": "import no_such_module_anywhere",
        "bad_shape": "Settings = dict\nPLAYBOOK = 1\nBUILT = True\nvariables = None",
    }
    for name, text in modules.items():
        (tmp_path / f"scratch_{name}.py").write_text(text)
    about = tmp_path / "scratch_types-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scratch-types\nVersion: 1.0\n")
    entries = [*(f"{name} = scratch_{name}" for name in modules), "api = scratch_worker"]
    (about / "entry_points.txt").write_text("\n".join(["[fraisier.fraise_types]", *entries]))
    monkeypatch.syspath_prepend(str(tmp_path))
    vars(TYPES).pop("_theirs", None)
    yield
    vars(TYPES).pop("_theirs", None)
    for name in modules:
        sys.modules.pop(f"scratch_{name}", None)


def loaded(folder: Path, text: str) -> FraisierConfig:
    (folder / "fraises.yaml").write_text(text)
    return FraisierConfig(folder / "fraises.yaml", environ={})


@pytest.mark.usefixtures("installed")
def test_a_type_of_another_package_is_compiled_with_what_every_release_has(tmp_path: Path) -> None:
    config = loaded(tmp_path, FILE.format(settings="{queue: high}"))
    resolved = config.get_fraise_environment("mail", "production")
    plan = deploy_plan(resolved, RELEASE)
    assert plan.playbook == "/opt/worker.yml"
    assert plan.variables["worker_queue"] == "high"
    assert plan.variables["worker_what"] == "Sends mail"
    assert plan.variables["fraisier_git_repo"] == "/srv/mail.git"
    assert plan.variables["fraisier_migrate_tool"] == ""
    assert rollback_plan(resolved, Move({"localhost": RELEASE})).variables["worker_queue"] == "high"


@pytest.mark.usefixtures("installed")
def test_what_its_settings_say_is_checked_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fraises.mail.environments.production: queue is missing, say where"):
        loaded(tmp_path, FILE.format(settings="{}"))
    with pytest.raises(ConfigError, match=r"production.queu: unknown key, did you mean 'queue'"):
        loaded(tmp_path, FILE.format(settings="{queu: high}"))
    two = FILE.format(settings="{queue: high}\n      staging: {queue: low, app_path: /srv/other}")
    with pytest.raises(ConfigError, match=r"the systemd unit worker-mail.service on localhost is already taken"):
        loaded(tmp_path, two)


@pytest.mark.usefixtures("installed")
def test_one_without_a_repository_has_its_settings_for_a_version(tmp_path: Path) -> None:
    text = FILE.replace("type: worker", "type: bare")
    text = text.replace("    git_repo: /srv/mail.git\n    app_path: /srv/mail\n", "")
    resolved = loaded(tmp_path, text.format(settings="{queue: high}")).get_fraise_environment("mail", "production")
    assert repository_of(resolved) == ("", "")
    assert len(config_hash(resolved)) == 64
    variables: dict[str, Any] = dict(deploy_plan(resolved, RELEASE).variables)
    assert variables["worker_queue"] == "high"
    assert "fraisier_git_repo" not in variables


@pytest.mark.usefixtures("installed")
def test_one_that_cannot_be_used_is_told_with_its_package() -> None:
    with pytest.raises(ConfigError, match="'bad_import' of scratch-types cannot be loaded: ModuleNotFoundError"):
        TYPES["bad_import"]
    with pytest.raises(
        ConfigError, match=r"'bad_shape' of scratch-types has no PLAYBOOK, Settings that are.*, variables"
    ):
        TYPES["bad_shape"]


@pytest.mark.usefixtures("installed")
def test_ours_cannot_be_replaced_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    assert TYPES["api"].PLAYBOOK == "fraisier.deploy.api"
    assert list(TYPES) == [*fraise_types.OURS, "bad_import", "bad_shape", "bare", "worker"]
    with pytest.raises(ConfigError, match=r"expected one of api, .*worker, got text 'workr', did you mean 'worker'"):
        loaded(tmp_path, FILE.replace("type: worker", "type: workr").format(settings="{queue: high}"))
