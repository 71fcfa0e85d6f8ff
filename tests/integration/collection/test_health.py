"""Is it healthy? Only on evidence: the right status, the right version, a process that is young enough."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from estate import Estate, Run, free_port, processes_with

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Answers(ThreadingHTTPServer):
    """A real web server whose answers the test sets."""

    daemon_threads = True
    status = 200
    body = '{"build": [{"commit": "0123456"}]}'
    version_header = ""
    delay = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), Handler)
        self.seen: list[dict[str, str]] = []
        self.started = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/health"


class Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))
        self.server.started.set()
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        if self.server.version_header:
            self.send_header("X-Version", self.server.version_header)
        self.end_headers()
        self.wfile.write(self.server.body.encode())

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[Answers]:
    with Answers() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(estate: Estate, answers: Answers, **variables: Any) -> Run:
    given = {
        "url": answers.url,
        "version_json": "build.0.commit",
        "expected_version": COMMIT,
        "timeout_seconds": 1,
        **variables,
    }
    return estate.role("health", **{f"fraisier_health_{name}": value for name, value in given.items()})


def test_version_in_json_is_the_strongest_evidence(estate: Estate, answers: Answers) -> None:
    result = ask(estate, answers, headers={"X-Token": 'a"b\\c $(id)'}).ok().result("health")
    assert (result["evidence"], result["version"], result["status"], result["attempts"]) == (
        "version",
        "0123456",
        200,
        1,
    )
    assert answers.seen[0]["X-Token"] == 'a"b\\c $(id)'


def test_version_in_a_header_counts(estate: Estate, answers: Answers) -> None:
    answers.version_header = COMMIT
    result = ask(estate, answers, version_json="", version_header="x-version").ok().result("health")
    assert (result["evidence"], result["version"]) == ("version", COMMIT)


def test_old_version_that_still_answers_is_not_healthy(estate: Estate, answers: Answers) -> None:
    answers.body = '{"build": [{"commit": "fffffff"}]}'
    run = ask(estate, answers)
    assert f"answered version 'fffffff', expected '{COMMIT}'" in run.message("health")
    assert run.result("health")["attempts"] > 1


def test_commit_in_the_wrong_place_of_the_answer_does_not_count(estate: Estate, answers: Answers) -> None:
    answers.body = f'{{"build": [{{"commit": "fffffff"}}], "next": "{COMMIT}"}}'
    assert "answered version 'fffffff'" in ask(estate, answers).message("health")


def test_answer_without_a_version_says_where_it_was_looked_for(estate: Estate, answers: Answers) -> None:
    answers.body = "ok"
    assert "answered without a version at 'build.0.commit' of its JSON" in ask(estate, answers).message("health")


def test_wrong_status_is_told_and_another_one_may_be_right(estate: Estate, answers: Answers) -> None:
    answers.status = 503
    assert "answered status 503, expected 200 or 204" in ask(estate, answers, status=[200, 204]).message("health")
    assert ask(estate, answers, status=[503], version_json="").ok().result("health")["evidence"] == "answer"


def test_nobody_there_is_told_in_curls_words(estate: Estate, answers: Answers) -> None:
    message = ask(estate, answers, url=f"http://127.0.0.1:{free_port()}/?token=s3cret").message("health")
    assert "did not answer: curl: (7)" in message
    assert "s3cret" not in message


def test_host_without_curl_asks_by_python(estate: Estate, answers: Answers) -> None:
    tools = estate.folder / "tools"
    tools.mkdir()
    for name in ("sh", "python3", "awk", "sed", "date", "cat", "grep", "head", "tail", "sleep", "id", "rm"):
        found = next(Path(folder) / name for folder in ("/usr/bin", "/bin") if (Path(folder) / name).exists())
        (tools / name).symlink_to(found)
    done = health_script(f"PATH={tools}", answers.url)
    assert "X end 1" in done and "X failed" not in done
    answers.status = 500
    assert "X status 500" in health_script(f"PATH={tools}", answers.url)
    assert "Connection refused" in health_script(f"PATH={tools}", f"http://127.0.0.1:{free_port()}/")


def health_script(path: str, url: str) -> str:
    """The script itself: lib.sh puts the system's folders on PATH, so a host without curl is made by leaving that line out."""
    from ansible_collections.fraisier.deploy.plugins.plugin_utils import http_check, shell
    from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments

    check = http_check.parse(
        Arguments({"app_path": "/srv/a", "url": url, "version_json": "build.0.commit", "expected_version": COMMIT})
    )
    library = "\n".join(line for line in shell.source("lib").splitlines() if not line.startswith("PATH="))
    program = shell.wrap(
        "X", [path, library, "f_check=0", *check.parts(0), shell.source("process"), shell.source("health")]
    )
    return subprocess.run(["sh", "-s"], input=program, capture_output=True, text=True, check=True).stdout


def test_secret_header_is_in_no_process_list(estate: Estate, answers: Answers) -> None:
    answers.delay = 3
    found: list[str] = []

    def look() -> None:
        answers.started.wait(30)
        found.extend(processes_with("canary-51c0"))

    looker = threading.Thread(target=look)
    looker.start()
    run = ask(estate, answers, headers={"Authorization": "Bearer canary-51c0"}, timeout_seconds=10)
    looker.join()
    assert run.ok() and answers.started.is_set()
    assert found == []
    assert "canary-51c0" not in run.text


def test_command_can_be_the_check(estate: Estate, answers: Answers) -> None:
    estate.app.mkdir()
    fine = ask(estate, answers, url="", command='test "$COLOR" = blue', environment={"COLOR": "blue"})
    assert fine.ok().result("health")["evidence"] == "command"
    bad = ask(estate, answers, command=["sh", "-c", "echo not yet >&2; exit 9"])
    assert "the health command failed (rc 9): not yet" in bad.message("health")


def test_asking_once_tells_and_does_not_fail(estate: Estate, answers: Answers) -> None:
    answers.status = 500
    result = ask(estate, answers, once=True).ok().result("health")
    assert (result["healthy"], result["attempts"], result["status"]) == (False, 1, 500)


def test_old_process_is_caught_although_it_answers(supervised: Estate, answers: Answers) -> None:
    release = supervised.release("20261122T000001Z-aaaaaaaaaaaa-k3f9qa")
    release.mkdir(parents=True)
    (release / "REVISION").write_text("a" * 40)
    (supervised.app / "current").symlink_to(f"releases/{release.name}")
    started = supervised.role("supervisor", fraisier_supervisor_exec="sleep 300").ok().result("service")["started_at"]
    young = ask(supervised, answers, version_json="", activated_at=started - 1, manager="supervisor").ok()
    assert young.result("health")["evidence"] == "restart"
    old = ask(supervised, answers, version_json="", activated_at=started + 1, manager="supervisor")
    assert "is older than the activation: the restart did not take" in old.message("health")
    supervised.role("supervisor", fraisier_supervisor_state="stopped", fraisier_supervisor_exec="").ok()
    dead = ask(supervised, answers, version_json="", manager="supervisor")
    assert "program web is stopped: another process answers" in dead.message("health")
