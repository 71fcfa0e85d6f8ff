"""Several processes at one ledger, and processes that die in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner, is_alive
from fraisier.vocabulary import Status, Target

PREAMBLE = """
import os, signal, sys
from fraisier.errors import FraisierError
from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.recorder import Recorder
from fraisier.vocabulary import Event, EventKind, Status, Target
ledger = Ledger(sys.argv[1])
target = Target("my_api", "production")
print("ready", flush=True)
sys.stdin.readline()
"""


@contextmanager
def processes(count: int, url: str, code: str) -> Iterator[list[subprocess.Popen[str]]]:
    """``count`` interpreters that have imported everything and go when they are told to."""
    source = PREAMBLE + textwrap.dedent(code)
    started = [
        subprocess.Popen([sys.executable, "-c", source, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def url_of(ledger: Ledger) -> str:
    return ledger.place.reveal() if ledger.engine == "postgresql" else str(ledger.place)


def test_one_of_many_processes_gets_the_target(ledger: Ledger, target: Target) -> None:
    asked = write.request(ledger, target)
    code = f"""
    try:
        print(write.claim(ledger, {asked.id!r}, Owner.here()).fencing)
    except FraisierError as error:
        print(error.code)
    """
    with processes(6, url_of(ledger), code) as started:
        answers = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert answers == ["1"] + ["TargetLocked"] * 5
    (running,) = read.running(ledger)
    assert running.owner is not None and running.owner.pid in {process.pid for process in started}


def test_many_processes_that_request_leave_one_pending(ledger: Ledger, target: Target) -> None:
    write.request(ledger, target)
    with processes(4, url_of(ledger), "for _ in range(5): write.request(ledger, target)") as started:
        assert [process.wait(60) for process in started] == [0] * 4
    statuses = [row.status for row in read.last_deployments(ledger, target, limit=100)]
    assert statuses.count(Status.PENDING) == 1 and statuses.count(Status.SUPERSEDED) == 20


def test_work_is_done_once_whoever_does_it(ledger: Ledger, target: Target) -> None:
    write.request(ledger, target)
    code = """
    for _ in range(20):
        try:
            write.request(ledger, target, background=True)
            mine = write.claim_next(ledger, target, Owner.here())
        except FraisierError:
            continue
        if mine:
            assert len(read.running(ledger, target)) == 1
            assert write.finish(ledger, mine, Status.SUCCESS)
            print(mine.fencing)
    """
    with processes(4, url_of(ledger), code) as started:
        outputs = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 4
    numbers = sorted(int(line) for output in outputs for line in output.split())
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_process_killed_inside_a_transaction_leaves_nothing_of_it(ledger: Ledger, target: Target) -> None:
    before = write.request(ledger, target, actor="ann")
    code = """
    with ledger.transaction():
        write.request(ledger, target, actor="half")
        write.audit(ledger, "half", actor="half")
        print("inside", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with processes(1, url_of(ledger), code) as (process,):
        output, _ = process.communicate(timeout=60)
    assert (output, process.returncode) == ("inside\n", -signal.SIGKILL)
    assert read.last_deployments(ledger, target) == [before]
    assert ledger.query("SELECT * FROM tb_audit_log") == []
    assert write.request(ledger, target).pk > before.pk


def test_a_killed_worker_leaves_whole_events_and_its_deployment_is_given_up(ledger: Ledger, target: Target) -> None:
    asked = write.request(ledger, target)
    code = f"""
    mine = write.claim(ledger, {asked.id!r}, Owner.here())
    recorder = Recorder(ledger, mine)
    for number in range(3_000):
        recorder.put(Event(EventKind.OK, 1.0, task=str(number)))
    while len(read.events(ledger, mine)) < 500:
        pass
    os.kill(os.getpid(), signal.SIGKILL)
    """
    with processes(1, url_of(ledger), code) as (process,):
        process.wait(60)
        owner = read.running(ledger)[0].owner
        assert owner is not None and is_alive(owner) is False
    assert [row.status for row in write.interrupt_orphans(ledger)] == [Status.INTERRUPTED]
    tasks = [int(row.task) for row in read.events(ledger, asked, limit=10_000)]
    assert len(tasks) >= 500 and tasks == list(range(len(tasks)))


def test_a_forked_child_uses_its_own_connections(ledger: Ledger, target: Target) -> None:
    write.request(ledger, target)
    code = """
    write.request(ledger, target, actor="parent")
    child = os.fork()
    if child == 0:
        write.request(ledger, target, actor="child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert read.pending(ledger, target).actor == "child"
    write.request(ledger, target, actor="parent again")
    print("fine")
    """
    with processes(1, url_of(ledger), code) as (process,):
        assert process.communicate(timeout=60)[0] == "fine\n"


@pytest.mark.parametrize("how", ["stopped", "zombie"])
def test_owners_that_are_gone(how: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = Owner.here()
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    owner = Owner(here.host, process.pid, here.boot_id, stat.rpartition(")")[2].split()[19])
    assert is_alive(owner) is True
    os.kill(process.pid, signal.SIGKILL)
    if how == "zombie":
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
    assert is_alive(owner) is False
    process.communicate()
    assert is_alive(Owner("elsewhere", owner.pid, owner.boot_id, owner.started)) is None


def test_of_processes_that_cannot_be_seen_from_here_nothing_is_said() -> None:
    """Clones and containers may share a name: only the lease tells whether a process of another boot, or of another container, is gone."""
    here = Owner.here()
    boot, _, space = here.boot_id.partition(" ")
    assert boot and space
    for other in (f"{boot} 1", f"another {space}", boot, ""):
        assert is_alive(Owner(here.host, 999_999, other, "1")) is None
    assert is_alive(Owner(here.host, 999_999, here.boot_id, "1")) is False
