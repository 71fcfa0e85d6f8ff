"""A fraise type written by the page alone, in a package outside the repository, deploys and goes back."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.acceptance.world import FRAISIER
from tests.docs.pages import blocks

PAGE = "docs/how-to/write-a-fraise-type.md"
CONFIG = """\
fraises:
  docs:
    type: site
    git_repo: {root}/repository
    connection: local
    index: start.html
    environments:
      production: {{app_path: {root}/host}}
"""


def installed(folder: Path) -> None:
    """The module, the playbook and the entry point, as the page has them."""
    package, about = folder / "my_company_fraises", folder / "my_company_fraises-1.0.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    for kind in ("python", "yaml"):
        for block in blocks(PAGE, kind):
            name = block.text.splitlines()[0].rpartition("/")[2]
            (package / name).write_text(block.text)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-company-fraises\nVersion: 1.0\n")
    (entry,) = blocks(PAGE, "toml")
    assert 'project.entry-points."fraisier.fraise_types"' in entry.text
    line = entry.text.splitlines()[1].replace('"', "")
    (about / "entry_points.txt").write_text(f"[fraisier.fraise_types]\n{line}\n")


def test_a_type_of_the_page_deploys_fails_and_goes_back(tmp_path: Path) -> None:
    installed(tmp_path / "site-packages")
    repository = tmp_path / "repository"
    repository.mkdir()
    (tmp_path / "host").mkdir()
    (tmp_path / "fraises.yaml").write_text(CONFIG.format(root=tmp_path))
    who = {f"GIT_{role}_{part}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environ = who | {
        "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path / "site-packages"),
        "FRAISIER_CONFIG": str(tmp_path / "fraises.yaml"),
        "FRAISIER_DATABASE_URL": f"sqlite:///{tmp_path / 'fraisier.db'}",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }

    def commit(name: str) -> None:
        (repository / "start.html").unlink(missing_ok=True)
        (repository / name).write_text("<p>hello</p>")
        for words in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-q", "-m", name]):
            subprocess.run(["git", *words], cwd=repository, env=environ, check=True)

    def fraisier(*words: str) -> str:
        done = subprocess.run(
            [FRAISIER, *words, "docs", "production", "--json"], env=environ, capture_output=True, text=True
        )
        return str(json.loads(done.stdout)["deployment"]["status"])

    commit("start.html")
    assert fraisier("deploy") == "success"
    first = (tmp_path / "host" / "current").resolve()
    assert (first / "start.html").exists()
    commit("other.html")
    assert fraisier("deploy") == "rolled_back"
    assert (tmp_path / "host" / "current").resolve() == first
