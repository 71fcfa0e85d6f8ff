"""Deploying by Coolify's API, against a stand-in for it: what counts as success, and what is said when there is none."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from direct import perform
from estate import Estate, release_id

from tests.coolify import APPLICATION, SECRET_LINE, TOKEN, Coolify, coolify

ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)


@pytest.fixture
def server() -> Iterator[Coolify]:
    with coolify() as found:
        yield found


def ask(server: Coolify, state: str = "deployed", **more: Any) -> dict[str, Any]:
    given = {"url": server.url, "token": TOKEN, "application": APPLICATION, "state": state, "poll_seconds": 0.1}
    options = {name: more.pop(name) for name in ("check",) if name in more}
    return perform("coolify", {**given, "timeout_seconds": 10, "version": ONE, **more}, path="", **options)


def failed(result: dict[str, Any]) -> str:
    assert result.get("failed"), result
    assert not result.get("release_id"), "what failed is active nowhere"
    assert TOKEN not in str(result)
    assert SECRET_LINE not in str(result)
    return str(result["msg"])


def test_the_commit_is_pinned_deployed_and_followed_to_its_end(server: Coolify) -> None:
    release = release_id(ONE, 1)
    done = ask(server, release_id=release)
    assert (done["changed"], done["status"], done["commit"], done["proof"]) == (True, "finished", ONE, "commit")
    assert done["release_id"] == release
    assert server.serving == server.pinned == ONE
    assert "POST /deploy?uuid=" + APPLICATION in server.asked, "no force=false, which PHP takes for true"
    checked = ask(server, "checked", deployment_uuid=done["deployment_uuid"])
    assert (checked["healthy"], checked["evidence"]) == (True, "deployment")


def test_a_deployment_that_holds_is_left_alone_save_when_the_release_is_newer(server: Coolify) -> None:
    ask(server)
    assert ask(server)["changed"] is False
    assert ask(server, release_id="20000101T000000Z-111111111111-aaaaaa")["changed"] is False
    assert ask(server, release_id="29990101T000000Z-111111111111-aaaaaa")["changed"] is True
    assert len(server.deployments) == 2


def test_check_mode_only_asks(server: Coolify) -> None:
    assert ask(server, check=True)["changed"] is True
    assert (server.deployments, server.pinned) == ([], "HEAD")
    assert ask(server, "absent", check=True)["changed"] is True
    assert all(line.startswith("GET ") for line in server.asked)


def test_a_wrong_token_is_said_to_be_one(server: Coolify) -> None:
    told = perform(
        "coolify", {"url": server.url, "token": "wr0ng-canary", "application": APPLICATION, "version": ONE}, path=""
    )
    assert "does not know the token (401" in told["msg"]
    assert "wr0ng-canary" not in str(told)


@pytest.mark.parametrize("state", ["deployed", "looked", "checked", "absent"])
def test_an_application_that_is_not_there_is_named(server: Coolify, state: str) -> None:
    assert f"{server.url} has no application nosuchapp" in failed(ask(server, state, application="nosuchapp"))
    assert server.deployments == []


def test_a_deployment_that_fails_there_fails_here_with_its_last_lines(server: Coolify) -> None:
    server.broken.add(ONE)
    result = ask(server)
    assert "d000001x failed in Coolify; its last lines:" in failed(result)
    assert result["log"][-1] == "npm ERR! no such script: build"


def test_one_that_is_cancelled_there_fails_here(server: Coolify) -> None:
    server.script = ("in_progress", "cancelled-by-user")
    assert "was cancelled in Coolify" in failed(ask(server))


def test_a_log_that_may_not_be_read_is_said_to_be_so(server: Coolify) -> None:
    server.broken.add(ONE)
    server.reads_logs = False
    assert failed(ask(server)).endswith("the token may not read its log")


def test_a_server_that_goes_away_and_comes_back_is_waited_for(server: Coolify) -> None:
    server.away = 5
    assert ask(server)["status"] == "finished"
    assert (server.away, len(server.deployments)) == (0, 1)


def test_a_server_that_stays_away_leaves_the_end_unknown(server: Coolify) -> None:
    server.away = 10_000
    assert "how d000001x ended is not known" in failed(ask(server, timeout_seconds=1))


def test_what_takes_too_long_is_cancelled_there(server: Coolify) -> None:
    server.script = ("in_progress",)
    message = failed(ask(server, timeout_seconds=1))
    assert message == "d000001x took longer than timeout_seconds; it was cancelled there"
    assert server.deployments[0]["status"] == "cancelled-by-user"


def test_finished_without_the_commit_is_no_success(server: Coolify) -> None:
    server.newest, server.reads_logs = TWO, False
    message = failed(ask(server))
    assert f"nothing shows that it is {ONE}: it says {TWO}" in message


def test_the_log_proves_the_commit_where_the_field_has_the_newest_of_the_branch(server: Coolify) -> None:
    server.newest = TWO
    assert ask(server)["proof"] == "log"
    server.newest, server.reads_logs = "", False
    assert ask(server, version=THREE)["proof"] == "commit"


def test_what_coolify_does_not_deploy_is_told_in_its_words(server: Coolify) -> None:
    server.add("somebody", ONE, "in_progress")
    server.deployments[0]["script"] = []
    server.pinned = ONE
    assert "Coolify made no deployment d000002x (Deployment already queued for this commit.)" in failed(ask(server))


def test_a_full_queue_is_waited_for_and_a_lost_answer_is_not_asked_again(server: Coolify) -> None:
    server.refuses = {"POST /deploy": (429, "Deployment queue is full.")}
    assert "queue of deployments is full (429" in failed(ask(server, timeout_seconds=1))
    assert server.asked.count(f"POST /deploy?uuid={APPLICATION}") > 2
    server.asked.clear()
    server.refuses = {"POST /deploy": (502, "Bad gateway")}
    assert "whether it deploys now is not known" in failed(ask(server))
    assert server.asked.count(f"POST /deploy?uuid={APPLICATION}") == 1


def test_another_deployment_after_ours_is_not_ours(server: Coolify) -> None:
    mine = ask(server)["deployment_uuid"]
    server.add("somebody", ONE, "finished")
    assert "somebody has deployed after d000001x" in failed(ask(server, "checked", deployment_uuid=mine))
    told = ask(server, "checked", version=TWO, once=True)
    assert (told["failed"], told["healthy"]) == (False, False)
    assert told["msg"].endswith(f"of {ONE}; expected {TWO}")


def test_what_a_cut_off_run_left_is_cancelled_and_nothing_of_others(server: Coolify) -> None:
    server.add("byhand", TWO, "in_progress", is_api=False)
    server.add("preview", TWO, "in_progress", pull_request_id=3)
    server.add("ours", ONE, "queued")
    ended = ask(server, "ended")
    assert (ended["ended"], ended["cancelled"]) == (True, ["ours"])
    assert [each["status"] for each in server.deployments] == ["in_progress", "in_progress", "cancelled-by-user"]


def test_absent_stops_the_application_and_lets_its_commit_go(server: Coolify) -> None:
    ask(server)
    gone = ask(server, "absent", version="")
    assert (gone["release_id"], server.status, server.pinned) == ("", "exited", "HEAD")


def test_looking_tells_what_serves_and_what_is_in_the_way(server: Coolify) -> None:
    server.add("earlier", TWO, "finished")
    server.add("byhand", THREE, "in_progress")
    looked = ask(server, "looked")
    assert looked["current_version"] == TWO
    assert looked["current_release_id"].endswith(f"Z-{TWO[:12]}-arlier")
    assert [each["state"] for each in looked["findings"]] == ["ok", "warning", "warning"]
    release = release_id(TWO, 1)
    assert ask(server, "looked", once=True, version=TWO, release_id=release)["current_release_id"] == release


def test_a_token_does_not_follow_a_redirect() -> None:
    seen: list[str] = []

    class Leads(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Leads) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        told = failed(ask(Coolify(url=f"http://127.0.0.1:{server.server_port}")))
        server.shutdown()
        thread.join()
    assert "leads elsewhere" in told
    assert seen == [f"/api/v1/applications/{APPLICATION}"]


def test_the_role_checks_deploys_and_has_nothing_to_do(estate: Estate, server: Coolify) -> None:
    given = {
        "fraisier_coolify_url": server.url,
        "fraisier_coolify_token": TOKEN,
        "fraisier_coolify_application": APPLICATION,
        "fraisier_coolify_poll_seconds": 0.1,
        "fraisier_version": ONE,
        "fraisier_release_id": "",
    }
    assert estate.role("coolify", "--check", **given).ok().changed == 1
    assert server.deployments == []
    assert estate.role("coolify", **given).ok().changed == 1
    assert server.serving == ONE
    again = estate.role("coolify", **given).ok()
    assert (again.changed, len(server.deployments)) == (0, 1)
