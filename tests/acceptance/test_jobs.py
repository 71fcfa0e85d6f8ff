"""An etl from its first deployment to a run that fails: the program runs in the release, on record, without a deployment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import FRAISIER, wait_for

PROGRAM = """\
#!/bin/sh
echo "moved from $SOURCE with $*"
[ "$1" != --wait=yes ] || { echo $$ >"$FRAISIER_APP_PATH/pid"; sleep 600; }
[ "$1" != --break=yes ] || { echo "no such table" >&2; exit 3; }
pwd -P >>"$FRAISIER_APP_PATH/ran"
"""
CONFIG = """\
fraises:
  import_orders:
    type: etl
    git_repo: {root}/repository
    connection: local
    script: import.sh
    args: [{args}]
    run: {{manager: none, timeout_seconds: 900}}
    environment: {{SOURCE: "${{SOURCE_URL}}"}}
    environments:
      production:
        app_path: {root}/host
notifications:
  urls: {notices}
  on: [success, failed]
"""


@dataclass
class Place:
    """An etl: its repository, its fraises.yaml, the folder that plays the host, and the command."""

    root: Path

    @property
    def environ(self) -> dict[str, str]:
        who = {f"GIT_{role}_{part}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        return who | {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "FRAISIER_CONFIG": str(self.root / "fraises.yaml"),
            "FRAISIER_DATABASE_URL": f"sqlite:///{self.root / 'fraisier.db'}",
            "SOURCE_URL": "s3cret-source",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }

    def commit(self, program: str) -> None:
        repository = self.root / "repository"
        repository.mkdir(exist_ok=True)
        (repository / "import.sh").write_text(program)
        (repository / "import.sh").chmod(0o755)
        for words in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-q", "--allow-empty", "-m", "a"]):
            subprocess.run(["git", *words], cwd=repository, env=self.environ, check=True)

    def fraisier(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([FRAISIER, *words], env=self.environ, cwd=self.root, capture_output=True, text=True)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([FRAISIER, *words], env=self.environ, cwd=self.root, text=True)

    def data(self, *words: str) -> Any:
        return json.loads(self.fraisier(*words, "--json").stdout)

    def history(self) -> list[tuple[str, str, str]]:
        rows = self.data("history")["deployments"]
        return [(row["job"], row["kind"], row["status"]) for row in reversed(rows)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "host").mkdir()
    (tmp_path / "fraises.yaml").write_text(CONFIG.format(root=tmp_path, args="", notices="[]"))
    found = Place(tmp_path)
    found.commit(PROGRAM)
    return found


def test_a_program_is_deployed_run_and_its_runs_are_on_record(place: Place) -> None:
    early = place.fraisier("run", "import_orders", "production")
    assert early.returncode != 0
    assert "nothing has been deployed yet" in early.stderr
    assert place.fraisier("deploy", "import_orders", "production").returncode == 0
    assert not (place.root / "host" / "ran").exists(), "a deployment brings the program, and does not run it"

    good = place.fraisier("run", "import_orders", "production", "--param", "since=last week")
    assert good.returncode == 0, good.stderr
    assert "moved from" in good.stdout
    release = (place.root / "host" / "current").resolve()
    assert (place.root / "host" / "ran").read_text() == f"{release}\n"

    bad = place.fraisier("run", "import_orders", "production", "--param", "break=yes", "--json")
    assert bad.returncode != 0
    told = json.loads(bad.stdout)["deployment"]
    assert told["runs"]["localhost"]["rc"] == 3
    assert told["runs"]["localhost"]["duration_seconds"] < 20
    assert told["runs"]["localhost"]["log"][-1] == "no such table"
    assert "ended with 3" in told["error"]["message"]
    assert place.history() == [("", "deploy", "success"), ("run", "job", "success"), ("run", "job", "failed")]
    stored = (place.root / "fraisier.db").read_bytes()
    assert b"s3cret-source" not in stored
    assert b"since" in stored
    assert place.fraisier("deploy", "import_orders", "production").returncode == 0, (
        "a failed run is no failed deployment"
    )


def test_a_run_that_is_cancelled_ends_on_the_host_and_never_runs_twice_at_once(place: Place) -> None:
    assert place.fraisier("deploy", "import_orders", "production").returncode == 0
    running = place.start("run", "import_orders", "production", "--param", "wait=yes")
    note = place.root / "host" / "pid"
    wait_for(lambda: note.exists() and note.read_text().strip(), "the program runs", seconds=400)
    second = place.fraisier("run", "import_orders", "production", "--no-wait")
    assert second.returncode == 6, second.stderr
    place.commit(PROGRAM + "# more\n")
    assert place.fraisier("deploy", "import_orders", "production").returncode == 0, "a deployment need not wait for it"
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=400) != 0
    wait_for(lambda: not Path("/proc", note.read_text().strip()).exists(), "the program has ended", seconds=100)
    assert place.history()[1][2] == "cancelled"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "import_orders", "production", "nightly"), "has no job 'nightly'"),
        (("run", "import_orders", "production", "--param", "1=2"), "is not NAME=TEXT"),
        (("run", "import_orders", "production", "--limit", "web9"), "knows no 'web9'"),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_is_written_down(
    place: Place, words: tuple[str, ...], said: str
) -> None:
    done = place.fraisier(*words)
    assert done.returncode != 0
    assert said in done.stderr
    assert place.history() == []
