"""A whole deployment: `fraisier deploy` against ansible-playbook on the rendered project and against a shell script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.measure import Cost, Rounds, interleaved, require, run
from tests.bench.report import Figure, Section

BIN = Path(sys.executable).parent
SCRIPT = Path(__file__).with_name("release.sh")
FILES, KEEP = 200, 5

CONFIG = """\
fraises:
  app:
    type: api
    git_repo: file://{repository}
    connection: local
    keep_releases: {keep}
    service: {{manager: none}}
    health_check: {{command: "true"}}
    environments:
      deployed: {{app_path: {root}/deployed}}
      rendered: {{app_path: {root}/rendered}}
      told: {{app_path: {root}/told}}
"""


@dataclass
class World:
    """A repository of 200 files and 2 MB, and four folders that the same commits are released to, each in its own way."""

    root: Path
    releases: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.repository = self.root / "repository"
        self.home = self.root / "home"
        self.config = self.root / "fraises.yaml"
        self.home.mkdir(parents=True)
        self.config.write_text(CONFIG.format(repository=self.repository, root=self.root, keep=KEEP))
        self.number, self.commit = 0, ""
        (self.repository / "src").mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")
        for number in range(FILES):
            self._write(number)
        self.push()

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "FRAISIER_CONFIG": str(self.config),
            "FRAISIER_DATABASE_URL": f"sqlite:///{self.root / 'fraisier.db'}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Bench",
            "GIT_AUTHOR_EMAIL": "bench@example.com",
            "GIT_COMMITTER_NAME": "Bench",
            "GIT_COMMITTER_EMAIL": "bench@example.com",
        }

    def push(self) -> None:
        """A commit that changes ten files."""
        self.number += 1
        for number in range(10):
            self._write(number)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", f"number {self.number}")
        self.commit = self._git("rev-parse", "HEAD")

    def deploy(self) -> Cost:
        done = run([BIN / "fraisier", "deploy", "app", "deployed"], env=self.environ, cwd=self.root)
        self._released("deployed")
        return done.cost

    def deploy_unchanged(self) -> Cost:
        done = run([BIN / "fraisier", "deploy", "app", "deployed", "--json"], env=self.environ, cwd=self.root)
        found = json.loads(done.output)["deployment"]
        require((found["status"], found["new_version"]) == ("unchanged", self.commit), f"it was not a no-op: {found}")
        return done.cost

    def play_rendered(self) -> Cost:
        return self._play("rendered")

    def play_told(self) -> Cost:
        """With the two variables that our own runs give early: without them every place for a hook is a skipped task."""
        return self._play("told", "-e", '{"fraisier_hooks": {}, "fraisier_service_manager": "none"}')

    def _play(self, name: str, *arguments: str) -> Cost:
        project = self.root / "project"
        shutil.rmtree(project, ignore_errors=True)
        run([BIN / "fraisier", "render", "app", name, "-o", project], env=self.environ, cwd=self.root)
        done = run(["ansible-playbook", "site.yml", *arguments], env=self.environ, cwd=project)
        self._released(name)
        return done.cost

    def script(self) -> Cost:
        done = self._script("released")
        self._released("scripted")
        return done

    def script_unchanged(self) -> Cost:
        return self._script("unchanged")

    def _script(self, word: str) -> Cost:
        arguments = [str(self.root / "scripted"), f"file://{self.repository}", "main", str(KEEP)]
        done = run(["sh", str(SCRIPT), *arguments], env=self.environ, cwd=self.root)
        require(done.output.strip() == f"{word} {self.commit}", f"expected '{word}': {done.output}")
        return done.cost

    def _released(self, name: str) -> None:
        app = self.root / name
        revision = (app / "current" / "REVISION").read_text().strip()
        require(revision == self.commit, f"{name}: {revision} is current, not {self.commit}")
        files = len(list((app / "current" / "src").iterdir()))
        require(files == FILES, f"{name}: {files} files, not {FILES}")
        newest = (app / "current" / "src" / "file0").read_text().splitlines()[0]
        require(newest == f"version {self.number}", f"{name}: old content")
        self.releases[name] += 1
        kept = len(list((app / "releases").iterdir()))
        require(kept == min(self.releases[name], KEEP), f"{name}: {kept} kept of {self.releases[name]} releases")

    def _write(self, number: int) -> None:
        text = f"version {self.number}\n" + f"line of file {number}\n" * 550
        (self.repository / "src" / f"file{number}").write_text(text)

    def _git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(
            command, cwd=self.repository, env=self.environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


def benchmark(folder: Path, quick: bool) -> Section:
    """One host, local connection, no service to restart, health check ``true``: the tool, not what it waits for."""
    world = World(folder / "world")
    found = _rounds(world, 1 if quick else 11, warm_ups=0 if quick else 1)
    compared = (
        f"a new commit of a repository with {FILES} files to one host by the local connection (fetch, export, switch, health check "
        "`true`, prune; no service): the whole command `fraisier deploy`, ansible-playbook on what `fraisier render` wrote "
        "(rendering not counted), and a shell script; then deploy and script again with nothing new"
    )
    return Section("deploy", compared, _figures(found))


def _rounds(world: World, rounds: int, warm_ups: int) -> Rounds:
    """Rounds of releases, each after a new commit; what is unchanged is timed in rounds of its own."""
    releasing = {
        "deploy": world.deploy,
        "rendered": world.play_rendered,
        "told": world.play_told,
        "script": world.script,
    }
    new = interleaved(releasing, rounds, seconds=90, warm_ups=warm_ups, before=world.push)
    still = {"unchanged": world.deploy_unchanged, "script unchanged": world.script_unchanged}
    return Rounds({**new.costs, **interleaved(still, rounds, seconds=20, warm_ups=warm_ups).costs})


def _figures(found: Rounds) -> list[Figure]:
    return [
        Figure("fraisier deploy, wall", "s", found.wall("deploy")),
        Figure("fraisier deploy, CPU", "s", found.cpu("deploy")),
        Figure("ansible-playbook site.yml, wall", "s", found.wall("rendered")),
        Figure("ansible-playbook site.yml, CPU", "s", found.cpu("rendered")),
        Figure("ansible-playbook site.yml -e (hooks told), wall", "s", found.wall("told")),
        Figure("ansible-playbook site.yml -e (hooks told), CPU", "s", found.cpu("told")),
        Figure("shell script, wall", "s", found.wall("script")),
        Figure("fraisier deploy / site.yml, wall", "x", found.wall_ratios("deploy", "rendered")),
        Figure("fraisier deploy / site.yml, CPU", "x", found.cpu_ratios("deploy", "rendered")),
        Figure("fraisier deploy / site.yml -e (hooks told), wall", "x", found.wall_ratios("deploy", "told"), goal=1.08),
        Figure("fraisier deploy / site.yml -e (hooks told), CPU", "x", found.cpu_ratios("deploy", "told")),
        Figure("fraisier deploy / shell script, wall", "x", found.wall_ratios("deploy", "script")),
        Figure("fraisier deploy, nothing new, wall", "s", found.wall("unchanged")),
        Figure("fraisier deploy, nothing new, CPU", "s", found.cpu("unchanged")),
        Figure("shell script, nothing new, wall", "s", found.wall("script unchanged")),
    ]
