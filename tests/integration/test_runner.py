"""Plan -> events through the real ansible-runner in its guardian: what is seen, what never leaks, and that nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fraisier.plan import Plan, Template
from fraisier.run import Options, Runner
from fraisier.secrets import SecretRef
from fraisier.vocabulary import EventKind, Target
from tests.processes import command_lines

CANARY = "canary-s3cr3t-value"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": Template("{{ ansible_playbook_python }}")}


@pytest.fixture(autouse=True, params=["1", "0"], ids=["warm", "plain"])
def started(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds whether Ansible is started for each run or forked from a warm process."""
    monkeypatch.setenv("FRAISIER_WARM", request.param)


def plan(playbook: Path, text: str, *, secrets: Mapping[str, SecretRef] | None = None, **variables: object) -> Plan:
    playbook.write_text(text)
    return Plan(Target("a", "b"), str(playbook), {"localhost": LOCAL}, variables, secrets=secrets or {})


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def processes_with(mark: str) -> list[int]:
    return [pid for pid, command in command_lines().items() if mark in " ".join(command) and pid != os.getpid()]


def test_events_carry_phase_host_result_and_order(tmp_path: Path) -> None:
    text = """
- name: One play
  hosts: all
  gather_facts: false
  tasks:
    - name: Say
      ansible.builtin.debug: {msg: "{{ word }}"}
      tags: [fetch]
    - name: Break
      ansible.builtin.fail: {msg: "on purpose"}
      tags: [build]
"""
    with Runner(os.environ) as runner:
        events = list(runner.run(plan(tmp_path / "play.yml", text, word="{{ lookup('pipe', 'id') }}"), {}))
    assert runner.outcome.status == "failed"
    assert runner.outcome.rc == 2
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    said = next(event for event in events if event.kind is EventKind.OK)
    assert (said.phase, said.host, said.play) == ("fetch", "localhost", "One play")
    assert said.message == "{{ lookup('pipe', 'id') }}", "text from configuration must never be evaluated"
    broken = next(event for event in events if event.kind is EventKind.FAILED)
    assert (broken.phase, broken.message) == ("build", "on purpose")
    assert events[-1].kind is EventKind.STATS
    assert events[-1].result["localhost"]["failures"] == 1


def test_a_playbook_that_cannot_be_parsed_says_why(tmp_path: Path) -> None:
    with Runner(os.environ) as runner:
        events = list(runner.run(plan(tmp_path / "play.yml", "- hosts: all\n  tasks:\n    - no.such.module: {}\n"), {}))
    assert runner.outcome.status == "failed"
    assert not [event for event in events if event.kind is EventKind.STATS]
    assert "no.such.module" in " ".join(runner.outcome.output)


def test_secrets_and_our_environment_reach_neither_events_nor_process_list_nor_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNRELATED_TOKEN", "unrelated-canary-value")
    text = f"""
- name: Look around
  hosts: all
  gather_facts: false
  tasks:
    - name: Name with {{{{ fraisier_secrets.token }}}}
      ansible.builtin.debug: {{msg: "{{{{ fraisier_secrets.token }}}}"}}
    - name: Keep
      ansible.builtin.shell: |
        cat /proc/[0-9]*/cmdline > {tmp_path}/processes 2>/dev/null
        cp -r {{{{ playbook_dir }}}} /dev/null 2>&1
        env > {tmp_path}/environment
        grep -rl unrelated-canary-value /dev/shm > {tmp_path}/leaks 2>/dev/null
        true
    - name: Fail with it
      ansible.builtin.fail: {{msg: "bad: {{{{ fraisier_secrets.token }}}}"}}
"""
    secrets = {"token": SecretRef("${TOKEN}", "here")}
    with Runner(os.environ) as runner:
        folder = runner._folder
        events = list(runner.run(plan(tmp_path / "play.yml", text, secrets=secrets), {"token": CANARY}))
        kept = [path for path in folder.rglob("*") if path.is_file() and CANARY in path.read_text(errors="replace")]
    assert CANARY not in repr(events)
    assert "bad: ***" in [event.message for event in events]
    assert CANARY not in (tmp_path / "processes").read_text(errors="replace")
    assert "unrelated-canary-value" not in (tmp_path / "environment").read_text()
    assert (tmp_path / "leaks").read_text() == ""
    assert kept == [], "the file Ansible reads them from, in memory, mode 0600, is gone with the run"
    assert not folder.exists()


SLOW = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Take long
      ansible.builtin.command: sleep {mark}
"""

QUICK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Do next to nothing
      ansible.builtin.command: "true"
"""

CONTROLLER = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.integration.test_runner import SLOW, plan
from fraisier.run import Runner
with Runner(os.environ) as runner:
    print(runner._folder, flush=True)
    for event in runner.run(plan(Path({playbook!r}), SLOW.format(mark={mark!r})), {{}}):
        pass
"""


def test_killing_the_controller_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    mark = f"300.{os.getpid()}1"
    script = CONTROLLER.format(tests=str(Path(__file__).parents[2]), playbook=str(tmp_path / "play.yml"), mark=mark)
    controller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert controller.stdout
    folder = Path(controller.stdout.readline().strip())
    wait_for(lambda: bool(processes_with(f"sleep {mark}")))
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    controller.stdout.close()
    wait_for(lambda: not processes_with(f"sleep {mark}"), 5)
    wait_for(lambda: not folder.exists(), 30)
    wait_for(lambda: not processes_with(str(folder)), 30)


def test_cancel_ends_the_command_and_says_cancelled(tmp_path: Path) -> None:
    mark = f"300.{os.getpid()}2"
    with Runner(os.environ) as runner:
        for event in runner.run(plan(tmp_path / "play.yml", SLOW.format(mark=mark)), {}):
            if event.kind is EventKind.TASK and event.host:
                wait_for(lambda: bool(processes_with(f"sleep {mark}")))
                runner.cancel()
        assert runner.outcome.status == "canceled"
        assert not processes_with(f"sleep {mark}")


def test_a_run_that_nobody_feeds_any_more_is_ended_and_another_may_follow(tmp_path: Path) -> None:
    """The controller is frozen, or cut off from its database: the run must be over before somebody else may take the target."""
    mark = f"300.{os.getpid()}6"
    with Runner(os.environ) as runner:
        starved = time.monotonic()
        for event in runner.run(plan(tmp_path / "play.yml", SLOW.format(mark=mark)), {}, Options(feed_seconds=12)):
            if event.kind is EventKind.TASK and event.host:
                wait_for(lambda: runner.feed() or bool(processes_with(f"sleep {mark}")))
                starved = time.monotonic()
        assert runner.outcome.status == "starved"
        assert not processes_with(f"sleep {mark}")
        assert 11 < time.monotonic() - starved < 40
        list(runner.run(plan(tmp_path / "play.yml", QUICK), {}, Options(feed_seconds=60)))
        assert runner.outcome.status == "successful"


def test_a_killed_guardian_is_said_to_have_died_and_leaves_nothing(tmp_path: Path) -> None:
    mark = f"300.{os.getpid()}3"
    with Runner(os.environ) as runner:
        for event in runner.run(plan(tmp_path / "play.yml", SLOW.format(mark=mark)), {}):
            if event.kind is EventKind.TASK and event.host:
                wait_for(lambda: bool(processes_with(f"sleep {mark}")))
                runner._guardian.kill()
        assert runner.outcome.status == "died"
        assert not processes_with(f"sleep {mark}")


def test_a_daemon_with_a_clean_environment_outlives_the_run_that_started_it(tmp_path: Path) -> None:
    mark = f"300.{os.getpid()}5"
    text = f"""
- hosts: all
  gather_facts: false
  tasks:
    - name: Start a daemon
      ansible.builtin.shell: "setsid env -i sleep {mark} >/dev/null 2>&1 </dev/null &"
    - name: Leave something behind
      ansible.builtin.shell: "setsid sleep {mark}9 >/dev/null 2>&1 </dev/null &"
"""
    with Runner(os.environ) as runner:
        list(runner.run(plan(tmp_path / "play.yml", text), {}))
    kept = processes_with(f"sleep {mark}")
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in kept]
    for pid in kept:
        os.kill(pid, signal.SIGKILL)
    assert commands == [f"sleep\0{mark}\0".encode()]


def test_a_run_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    mark = f"300.{os.getpid()}4"
    slow = plan(tmp_path / "play.yml", SLOW.format(mark=mark))
    limited = Plan(slow.target, slow.playbook, slow.hosts, slow.variables, timeout_seconds=3)
    with Runner(os.environ) as runner:
        list(runner.run(limited, {}))
        assert runner.outcome.status == "timeout"
        assert not processes_with(f"sleep {mark}")


def test_one_runner_runs_several_plans_and_check_mode_changes_nothing(tmp_path: Path) -> None:
    text = f"""
- hosts: all
  gather_facts: false
  tasks:
    - name: Write
      ansible.builtin.copy: {{content: "x", dest: "{tmp_path}/written", mode: "0600"}}
"""
    wanted = plan(tmp_path / "play.yml", text)
    with Runner(os.environ) as runner:
        tried = list(runner.run(wanted, {}, Options(check=True, diff=True)))
        assert any(event.changed for event in tried)
        assert not (tmp_path / "written").exists()
        list(runner.run(wanted, {}))
        assert (tmp_path / "written").exists()


def test_nothing_of_a_run_may_leave_a_core_file(tmp_path: Path) -> None:
    text = """
- name: One play
  hosts: all
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.command: {cmd: grep core /proc/self/limits}
"""
    with Runner(os.environ) as runner:
        events = list(runner.run(plan(tmp_path / "play.yml", text), {}))
    (line,) = [event.result["stdout"] for event in events if event.kind is EventKind.OK and event.task == "Look"]
    assert line.split()[4:6] in (["1", "1"], ["0", "0"])
