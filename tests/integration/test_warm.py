"""The warm Ansible process: it does what plain ansible-playbook does, and steps aside whenever it could not."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pexpect
import pytest

from fraisier.plan import Plan
from fraisier.run import Runner, warm
from fraisier.vocabulary import Event
from tests.integration.test_runner import SLOW, plan, processes_with, wait_for

WHO = "{{ lookup('ansible.builtin.file', '/proc/self/cmdline') }}"
WARM = "fraisier.run.warm.server"


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A socket's path may not be longer than 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="fw-"))
    yield folder
    shutil.rmtree(folder)


class Process:
    """A warm process of our own, and the shim that hands over to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cfg = folder / "ansible.cfg"
        self.cfg.write_text("[defaults]\ngathering = explicit\n")
        self.environ = {
            **os.environ,
            "PATH": os.pathsep.join([str(warm.BIN), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "ANSIBLE_CONFIG": str(self.cfg),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_STDOUT_CALLBACK": "awx_display",
            "ANSIBLE_CALLBACK_PLUGINS": str(folder),
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            **warm.variables(folder, {}),
        }
        shutil.copy(Path(__file__).with_name("plain_display.py"), folder / "awx_display.py")
        self.server = warm.start(
            folder, {**self.environ, "ANSIBLE_CALLBACK_PLUGINS": "", "AWX_LIB_DIRECTORY": str(folder)}
        )

    def arguments(self, text: str) -> list[str]:
        (self.folder / "play.yml").write_text(text)
        interpreter = f"ansible_python_interpreter={sys.executable}"
        return ["-i", "localhost,", "-c", "local", "-e", interpreter, str(self.folder / "play.yml")]

    def run(self, text: str, *more: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = ["ansible-playbook", *self.arguments(text), *more]
        return subprocess.run(
            command, env=self.environ | environ, cwd=self.folder, capture_output=True, text=True, timeout=120
        )

    def spawn(self, text: str) -> "pexpect.spawn[str]":
        return pexpect.spawn(
            "ansible-playbook",
            self.arguments(text),
            env=self.environ,
            cwd=self.folder,
            encoding="utf-8",
            timeout=60,
            echo=False,
        )

    def end(self) -> None:
        if self.server:
            self.server.kill()
            self.server.wait()


@pytest.fixture
def process(short_path: Path) -> Iterator[Process]:
    found = Process(short_path)
    yield found
    found.end()


def play(task: str) -> str:
    return f"- hosts: all\n  gather_facts: false\n  tasks:\n    - {task}\n"


TELL = play(
    f"ansible.builtin.debug: {{msg: \"{WHO} in {{{{ lookup('pipe', 'pwd') }}}} has {{{{ lookup('env', 'OF_THE_RUN') }}}}\"}}"
)


def test_the_fork_has_arguments_environment_and_folder_of_the_run(process: Process) -> None:
    done = process.run(TELL, OF_THE_RUN="this")
    assert done.returncode == 0, done.stderr
    assert WARM in done.stdout
    assert f"in {process.folder} has this" in done.stdout
    again = process.run(TELL, OF_THE_RUN="that")
    assert WARM in again.stdout
    assert "has that" in again.stdout, "each run has its own"
    assert "already been configured" not in again.stdout + again.stderr


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (play("ansible.builtin.meta: noop"), 0),
        (play('ansible.builtin.fail: {msg: "no"}'), 2),
        (play("no.such.module: {}"), 4),
    ],
)
def test_it_ends_as_plain_ansible_playbook_ends(process: Process, text: str, code: int) -> None:
    mine, plain = process.run(text), process.run(text, FRAISIER_WARM_SOCKET="")
    assert (mine.returncode, plain.returncode) == (code, code)
    assert (mine.stdout, mine.stderr) == (plain.stdout, plain.stderr)


def test_other_settings_than_it_was_started_with_are_not_its_business(process: Process) -> None:
    assert WARM not in process.run(TELL, ANSIBLE_FORKS="3").stdout
    assert WARM in process.run(TELL).stdout
    process.cfg.write_text("[defaults]\nforks = 3\n")
    done = process.run(TELL)
    assert (done.returncode, WARM in done.stdout) == (0, False)


def test_without_the_process_the_plain_program_does_it(process: Process) -> None:
    process.end()
    done = process.run(TELL)
    assert done.returncode == 0, done.stderr
    assert "ansible-playbook" in done.stdout
    assert WARM not in done.stdout


def test_a_playbook_that_starts_ansible_itself_starts_the_plain_one(process: Process) -> None:
    inner = process.folder / "inner.yml"
    inner.write_text(TELL)
    done = process.run(play(f"ansible.builtin.command: ansible-playbook -i localhost, -c local {inner}"), "-v")
    assert done.returncode == 0, done.stdout
    assert "/ansible-playbook" in done.stdout
    assert WARM not in done.stdout


def test_a_path_too_long_for_a_socket_means_plain(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    assert warm.start(folder, os.environ | warm.variables(folder, {})) is None


ASK = """
- hosts: all
  gather_facts: false
  vars_prompt:
    - {name: word, prompt: "The word", private: true}
  tasks:
    - ansible.builtin.debug: {msg: "it was {{ word }} for WHO"}
""".replace("WHO", WHO)


def test_questions_are_asked_and_answered_at_the_terminal_of_the_run(process: Process) -> None:
    child = process.spawn(ASK)
    child.expect("The word: ")
    child.sendline("sesame")
    child.expect(f"it was sesame for .*{WARM}")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("with_process", [True, False])
def test_a_signal_reaches_the_run(process: Process, with_process: bool) -> None:
    mark = f"300.{os.getpid()}6{int(with_process)}"
    if not with_process:
        process.end()
    child = process.spawn(SLOW.format(mark=mark))
    wait_for(lambda: bool(processes_with(f"sleep {mark}")))
    child.kill(signal.SIGINT)
    child.expect("User interrupted execution")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 99
    wait_for(lambda: not processes_with(f"sleep {mark}"))


def test_control_c_at_the_terminal_reaches_the_run(process: Process) -> None:
    mark = f"300.{os.getpid()}7"
    child = process.spawn(SLOW.format(mark=mark))
    wait_for(lambda: bool(processes_with(f"sleep {mark}")))
    child.sendintr()
    child.expect("User interrupted execution")
    child.expect(pexpect.EOF)
    child.close()
    wait_for(lambda: not processes_with(f"sleep {mark}"))


def test_a_killed_shim_takes_its_run_with_it_and_the_process_stays(process: Process) -> None:
    mark = f"300.{os.getpid()}8"
    child = process.spawn(SLOW.format(mark=mark))
    wait_for(lambda: bool(processes_with(f"sleep {mark}")))
    os.killpg(child.pid, signal.SIGKILL)
    child.expect(pexpect.EOF, timeout=30)
    child.close()
    for pid in processes_with(f"sleep {mark}"):  # workers are the guardian's to end
        os.kill(pid, signal.SIGKILL)
    assert WARM in process.run(TELL).stdout


# The same through a Runner.


def signature(events: list[Event]) -> list[tuple[object, ...]]:
    found = []
    for event in events:
        result = {key: value for key, value in event.result.items() if key not in ("start", "end", "delta")}
        found.append(
            (event.kind, event.host, event.play, event.task, event.phase, event.changed, event.message, result)
        )
    return found


BOTH = """
- name: First
  hosts: all
  gather_facts: false
  tasks:
    - {name: Say, ansible.builtin.debug: {msg: "{{ word | upper }}"}, tags: [fetch]}
    - {name: Do, ansible.builtin.command: echo done, tags: [build]}
    - {name: Skip, ansible.builtin.command: "false", when: false}
    - {name: Each, ansible.builtin.debug: {msg: "{{ item }}"}, loop: [1, 2]}
    - {name: Break, ansible.builtin.fail: {msg: no}, ignore_errors: true}
- name: Second
  hosts: all
  gather_facts: false
  tasks:
    - {name: Fail, ansible.builtin.fail: {msg: "on purpose"}}
"""


def run(wanted: Plan, environ: Mapping[str, str]) -> tuple[list[Event], Runner]:
    with Runner(environ) as runner:
        return list(runner.run(wanted, {})), runner


def test_warm_and_plain_runs_give_the_same_events_and_end(tmp_path: Path) -> None:
    wanted = plan(tmp_path / "play.yml", BOTH, word="text")
    events, runner = run(wanted, os.environ)
    plainly, other = run(wanted, os.environ | {"FRAISIER_WARM": "0"})
    assert signature(events) == signature(plainly)
    assert runner.outcome == other.outcome
    assert (runner.outcome.status, runner.outcome.rc) == ("failed", 2)


@pytest.mark.parametrize(("switch", "is_warm"), [("1", True), ("0", False)])
def test_every_run_of_a_runner_is_warm_unless_nobody_wants_it(tmp_path: Path, switch: str, is_warm: bool) -> None:
    wanted = plan(
        tmp_path / "play.yml", play("{name: Who, ansible.builtin.debug: {msg: WHO}}".replace("WHO", f'"{WHO}"'))
    )
    with Runner(os.environ | {"FRAISIER_WARM": switch}) as runner:
        for _ in range(2):
            assert [WARM in event.message for event in runner.run(wanted, {}) if event.message] == [is_warm]


def test_after_a_cancelled_run_the_next_one_is_warm_again(tmp_path: Path) -> None:
    mark = f"300.{os.getpid()}9"
    slow = plan(tmp_path / "slow.yml", SLOW.format(mark=mark))
    who = plan(tmp_path / "who.yml", play("{name: Who, ansible.builtin.debug: {msg: WHO}}".replace("WHO", f'"{WHO}"')))
    with Runner(os.environ) as runner:
        for event in runner.run(slow, {}):
            if event.task == "Take long" and event.host:
                wait_for(lambda: bool(processes_with(f"sleep {mark}")))
                runner.cancel()
        assert runner.outcome.status == "canceled"
        assert not processes_with(f"sleep {mark}")
        assert any(WARM in event.message for event in runner.run(who, {}))
        folder = runner._folder
    wait_for(lambda: not processes_with(str(folder)), 30)
