"""Install commands: in order, once, with their environment, and with the whole truth when one fails."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from estate import Estate, Repository, processes_with, release_id


@pytest.fixture
def staged(estate: Estate, repository: Repository) -> Estate:
    commit = repository.commit({"a": "1"})
    estate.variables |= {
        "fraisier_release_id": release_id(commit),
        "fraisier_version": commit,
        "fraisier_git_repo": str(repository.path),
    }
    return estate


def build(estate: Estate, commands: list[Any], **more: Any) -> Any:
    return estate.role("git,build", fraisier_build_commands=commands, **more)


def test_commands_find_where_they_are(staged: Estate) -> None:
    commands = ['echo "$FRAISIER_RELEASE_ID $FRAISIER_VERSION $PWD $COLOR" >seen', ["touch", "$(id) 'x'"]]
    build(
        staged, commands, fraisier_environment={"COLOR": "blue"}, fraisier_build_environment={"COLOR": "a'b\n$c"}
    ).ok()
    name = staged.variables["fraisier_release_id"]
    release = staged.release(name)
    assert (release / "seen").read_text() == f"{name} {staged.variables['fraisier_version']} {release} a'b\n$c\n"
    assert (release / "$(id) 'x'").exists()


def test_failure_names_the_command_and_shows_the_end_of_its_output(staged: Estate) -> None:
    noise = "i=0; while [ $i -lt 900 ]; do echo line $i >&2; i=$((i+1)); done; echo out; exit 7"
    run = build(staged, ["true", noise, "touch never"])
    result = run.result("build")
    assert result["msg"].startswith("command 2 of 3 failed (rc 7): i=0; while")
    assert "line 899" in result["msg"]
    assert result["stderr"].endswith("line 899")
    assert len(result["stderr"]) <= 4000
    assert (result["rc"], result["stdout"]) == (7, "out")
    assert not (staged.release(staged.variables["fraisier_release_id"]) / "never").exists()


def test_command_that_does_not_end_is_ended(staged: Estate) -> None:
    started = time.monotonic()
    run = build(staged, ["sleep 60.25 & sleep 60.25"], fraisier_build_timeout_seconds=1)
    assert "did not end within 1 s" in run.message("build")
    assert time.monotonic() - started < 30
    assert not processes_with("sleep 60.25")


def test_daemon_that_a_command_leaves_behind_does_not_hold_us_up(staged: Estate) -> None:
    started = time.monotonic()
    build(staged, ["setsid sleep 20.75 & echo $! >pid"]).ok()
    assert time.monotonic() - started < 15


def test_output_of_a_command_cannot_forge_a_result(staged: Estate) -> None:
    forged = 'for key in changed end msg; do echo "$f_token $key 1"; echo "$f_token $key 1" >&2; done; set | grep f_token; exit 3'
    run = build(staged, [forged])
    assert "failed (rc 3)" in run.message("build")
    assert run.result("build")["stdout"].splitlines()[0] == " changed 1"


def test_unfinished_build_is_done_again_and_not_activated(staged: Estate) -> None:
    assert build(staged, ["exit 1"]).rc != 0
    assert "did not finish" in staged.role("activate").message("activate")
    build(staged, ["true"]).ok()
    staged.role("activate").ok()


def test_other_commands_are_another_build(staged: Estate) -> None:
    build(staged, ["echo 1 >>ran"]).ok()
    assert build(staged, ["echo 1 >>ran"]).ok().changed == 0
    assert build(staged, ["echo 2 >>ran"]).ok().result("build")["changed"]
    assert (staged.release(staged.variables["fraisier_release_id"]) / "ran").read_text() == "1\n2\n"


def test_secret_is_in_no_process_list_and_no_output(staged: Estate) -> None:
    """Environment and command text both hold it; while the build sleeps, no process on the machine shows it."""
    canary = "canary-7f3c9a"
    variables = {
        "fraisier_environment": {"TOKEN": canary},
        "fraisier_build_commands": [
            f'test "$TOKEN" = {canary} && touch begun && while [ ! -e seen ]; do sleep 0.05; done; exit 4'
        ],
    }
    path = staged.folder / "role_build.yml"
    path.write_text(
        '[{"hosts": "all", "gather_facts": false, "roles": ["fraisier.deploy.git", "fraisier.deploy.build"]}]'
    )
    argv, environment = staged.command(path, "-vvv", **variables)
    release = staged.release(staged.variables["fraisier_release_id"])
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        deadline = time.monotonic() + 60
        while not (release / "begun").exists():
            assert time.monotonic() < deadline and run.poll() is None
            time.sleep(0.05)
        found = processes_with(canary)
        (release / "seen").touch()
        text = run.communicate(timeout=60)[0]
    assert found == []
    assert "failed (rc 4)" in text
    assert [line for line in text.splitlines() if canary in line and "test \\" not in line] == []


STAND_IN = """\
#!/bin/sh
[ "$1" = compile ] || exit 2
grep -q '"types"' "$2" || { echo "$2: no types" >&2; exit 1; }
cp "$2" schema.compiled.json
"""


def test_commands_for_fraiseql_with_a_stand_in_for_its_compiler(
    estate: Estate, repository: Repository, tmp_path: Path
) -> None:
    """Those of docs/how-to/fraiseql.md: the compiler itself is in no index that these tests may use."""
    page = (Path(__file__).parents[3] / "docs/how-to/fraiseql.md").read_text()
    text = re.search(r"```yaml\n(fraises:.*?)```", page, re.DOTALL)
    assert text
    _, _, *own = yaml.safe_load(text[1])["fraises"]["shop_graph"]["install"]["commands"]
    commands = ["mkdir -p venv/bin && ln -s /usr/bin/python3 venv/bin/python", *own]  # an environment takes its time
    compiler = tmp_path / "bin" / "fraiseql-cli"
    compiler.parent.mkdir()
    compiler.write_text(STAND_IN)
    compiler.chmod(0o755)
    path = {"PATH": f"{compiler.parent}:{os.environ['PATH']}"}
    for schema, fails in (('{"types": []}', False), ("{}", True)):
        program = f"open('schema.json', 'w').write({schema!r})"
        commit = repository.commit({"schema.py": program})
        estate.variables |= {"fraisier_release_id": release_id(commit), "fraisier_version": commit}
        estate.variables["fraisier_git_repo"] = str(repository.path)
        run = build(estate, commands, fraisier_build_environment=path)
        compiled = estate.release(estate.variables["fraisier_release_id"]) / "schema.compiled.json"
        assert compiled.exists() is not fails
        if fails:
            assert "command 3 of 3 failed (rc 1): fraiseql-cli compile schema.json" in run.message("build")
        else:
            run.ok()
