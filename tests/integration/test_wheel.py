"""The wheel alone: its entry point starts, and ansible-core finds the collection inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout and unpacked by pip: a site-packages with nothing else in it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True, capture_output=True)
    return folder / "site"


def run(site: Path, tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([str(site), sysconfig.get_paths()["purelib"]]),
    }
    return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_the_wheel_carries_the_collection_and_no_tests(site: Path) -> None:
    collection = site / "ansible_collections/fraisier/deploy"
    for part in (
        "galaxy.yml",
        "meta/runtime.yml",
        "playbooks/api.yml",
        "playbooks/rollback.yml",
        "plugins/action/git.py",
        "roles/health/README.md",
    ):
        assert (collection / part).is_file(), part
    assert os.access(site / "fraisier/run/warm/bin/ansible-playbook", os.X_OK), "a run would not find the warm process"
    assert not (site / "tests").exists()
    assert not list((site / "ansible_collections").rglob("__init__.py"))


def test_ansible_finds_roles_modules_and_playbooks_after_a_plain_install(site: Path, tmp_path: Path) -> None:
    listed = run(site, tmp_path, sys.executable, "-m", "ansible", "galaxy", "collection", "list", "fraisier.deploy")
    if listed.returncode:
        listed = run(site, tmp_path, "ansible-galaxy", "collection", "list", "fraisier.deploy")
    assert str(site) in listed.stdout, listed.stdout + listed.stderr
    roles = run(site, tmp_path, "ansible-doc", "-t", "role", "--list")
    assert "fraisier.deploy.git" in roles.stdout, roles.stderr
    modules = run(site, tmp_path, "ansible-doc", "-t", "module", "--list", "fraisier.deploy")
    for name in ("activate", "build", "git", "health", "migrate", "preflight", "prune", "service"):
        assert f"fraisier.deploy.{name}" in modules.stdout
    play = run(
        site, tmp_path, "ansible-playbook", "-i", "localhost,", "-c", "local", "--syntax-check", "fraisier.deploy.api"
    )
    assert play.returncode == 0, play.stderr


def test_the_entry_point_runs_from_the_wheel_and_pins_its_own_collection(site: Path, tmp_path: Path) -> None:
    script = (
        "import sys, fraisier.cli; from fraisier.run import collection; print(collection.ours());"
        "sys.exit(fraisier.cli.run(['--version']))"
    )
    done = run(site, tmp_path, sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    assert "origin='wheel'" in done.stdout
    assert str(site) in done.stdout
    assert "fraisier 0.1.0" in done.stdout


def test_an_sdist_can_be_built_into_the_same_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    sdist = next(tmp_path.glob("*.tar.gz"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
        str(sdist),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert "ansible_collections/fraisier/deploy/roles/git/tasks/main.yml" in names
    assert "fraisier/record/views/v_deployment_history.sql" in names or any(
        name.startswith("fraisier/record/views/") for name in names
    )
