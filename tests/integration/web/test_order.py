"""The order of work for one request: what is refused, and that it is refused before anything is spent on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from fraisier.deliveries.sample import sample_push
from fraisier.record.ledger import Ledger
from fraisier.web.app import create_app
from tests.integration.web.conftest import ENVIRON, SECRET, Caller, github, github_push, with_sections

BODY = json.dumps(github_push()).encode()


class Unread:
    """A body that must not be read."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/webhook/nobody", "POST", {}, 404),
        ("/webhook/github", "POST", {}, 404),
        ("/webhook/partner/more", "POST", {}, 404),
        ("/webhook/", "POST", {}, 404),
        ("/webhook", "POST", {}, 404),
        ("/webhook?provider=nobody", "POST", {}, 404),
        ("/webhook?provider=", "POST", {}, 404),
        ("/webhook/partner", "GET", {}, 405),
        ("/webhook/partner?payload=x", "GET", {}, 405),
        ("/webhook/partner", "PUT", {}, 405),
        ("/webhook/partner", "POST", {"Content-Length": "27262977", "Content-Type": "application/json"}, 413),
        ("/webhook/partner", "POST", {"Content-Length": "9" * 40, "Content-Type": "application/json"}, 413),
        ("/webhook/partner", "POST", {"Content-Length": "-1", "Content-Type": "application/json"}, 400),
        ("/webhook/partner", "POST", {"Content-Encoding": "gzip", "Content-Type": "application/json"}, 415),
        ("/webhook/partner", "POST", {"Content-Type": "text/plain"}, 415),
        ("/webhook/partner", "POST", {}, 415),
    ],
)
def test_what_can_be_refused_by_its_head_is_refused_unread(
    local: Caller, path: str, method: str, headers: dict[str, str], status: int
) -> None:
    answer = local.post(path, Unread(), headers, method=method)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert answer.headers["connection"] == "close"


def test_a_body_without_a_length_is_cut_off_at_the_cap(configuration: Path, sqlite_url: str) -> None:
    with_sections(configuration, "server: {max_body_bytes: 4096}")
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1024
            yield b"x" * 1024

    with Ledger(sqlite_url) as ledger:
        caller = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
        answer = caller.post("/webhook/partner", endless(), {"Content-Type": "application/json"})
        assert (answer.status_code, read) == (413, 5 * 1024)
        assert caller.application.intake._memory.held_bytes == 0
        caller.close()


def test_a_body_that_does_not_come_is_not_waited_for(configuration: Path, sqlite_url: str) -> None:
    with_sections(configuration, "server: {body_timeout_seconds: 1}")

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    with Ledger(sqlite_url) as ledger:
        caller = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
        assert caller.post("/webhook/partner", slow(), {"Content-Type": "application/json"}).status_code == 408
        caller.close()


def test_bodies_of_all_requests_together_are_bounded(local: Caller) -> None:
    local.application.intake._memory.held_bytes = local.application.intake._memory.most_bytes
    answer = local.post("/webhook", BODY, github(BODY))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    local.application.intake._memory.held_bytes = 0
    assert local.post("/webhook", BODY, github(BODY)).status_code == 202


def unsigned() -> Iterator[tuple[str, dict[str, str]]]:
    good = github(BODY)
    digest = good["X-Hub-Signature-256"].removeprefix("sha256=")
    for name, value in {
        "empty": "",
        "no digest": "sha256=",
        "sha1": f"sha1={digest[:40]}",
        "upper case prefix": f"SHA256={digest}",
        "no prefix": digest,
        "truncated": f"sha256={digest[:-1]}",
        "no hexadecimal": f"sha256={'z' * 64}",
        "not ASCII": "sha256=\xe9" + digest[1:],
        "another secret": github(BODY, secret=ENVIRON["PARTNER"])["X-Hub-Signature-256"],
        "no secret": github(BODY, secret="")["X-Hub-Signature-256"],
        "another body": github(BODY + b" ")["X-Hub-Signature-256"],
        "serialised anew": github(json.dumps(github_push(), indent=1).encode())["X-Hub-Signature-256"],
    }.items():
        yield name, {**good, "X-Hub-Signature-256": value}
    yield "missing", {name: value for name, value in good.items() if name != "X-Hub-Signature-256"}


@pytest.mark.parametrize(("name", "headers"), list(unsigned()), ids=[name for name, _ in unsigned()])
def test_what_is_not_signed_gets_one_answer_and_leaves_no_row(
    local: Caller, name: str, headers: dict[str, str]
) -> None:
    raw = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    answer = local.post("/webhook", BODY, raw)  # type: ignore[arg-type]
    assert (answer.status_code, answer.content) == (401, b'{"error":"invalid signature"}')
    assert not local.application.ledger.query("SELECT 1 AS one FROM tb_webhook_event")


def test_two_signatures_are_none(local: Caller) -> None:
    headers = [*github(BODY).items(), ("X-Hub-Signature-256", "sha256=" + "0" * 64)]
    assert local.post("/webhook", BODY, headers).status_code == 401


def test_every_secret_of_a_hook_is_good(local: Caller) -> None:
    assert local.post("/webhook", BODY, github(BODY, secret=ENVIRON["OLD"])).status_code == 202


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"ref": NaN}', b"[" * 100_000, "{}".encode("utf-16"), b'{"ref": 1}', b"{}"]
)
def test_an_authentic_body_that_cannot_be_read_is_refused_and_nothing_breaks(local: Caller, body: bytes) -> None:
    answer = local.post("/webhook", body, github(body))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid payload"})


def test_who_keeps_failing_is_not_listened_to_any_more(local: Caller) -> None:
    bad = {**github(BODY), "X-Hub-Signature-256": "sha256=" + "0" * 64}
    answers = [local.post("/webhook", BODY, bad).status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]
    assert local.post("/webhook", Unread(), bad).status_code == 429, "not even read"
    assert local.post("/webhook", BODY, github(BODY), client="198.51.100.1").status_code == 202


def test_behind_a_proxy_that_names_nobody_the_genuine_get_through(local: Caller) -> None:
    bad = {**github(BODY), "X-Hub-Signature-256": "sha256=" + "0" * 64}
    answers = [local.post("/webhook", BODY, bad, client="127.0.0.1").status_code for _ in range(22)]
    assert (answers[0], answers[-1]) == (401, 429)
    assert local.post("/webhook", BODY, github(BODY), client="127.0.0.1").status_code == 202


def test_a_trusted_proxy_says_who_calls_and_nobody_else_does(local: Caller) -> None:
    bad = {**github(BODY), "X-Hub-Signature-256": "sha256=" + "0" * 64}
    forwarded = {**bad, "X-Forwarded-For": "10.9.9.9, 192.0.2.66"}
    for _ in range(20):
        local.post("/webhook", BODY, forwarded, client="127.0.0.1")
    assert (
        local.post("/webhook", BODY, {**github(BODY), "X-Forwarded-For": "192.0.2.66"}, client="127.0.0.1").status_code
        == 429
    )
    assert (
        local.post("/webhook", BODY, {**github(BODY), "X-Forwarded-For": "192.0.2.66"}, client="192.0.2.1").status_code
        == 202
    )


def test_a_request_gets_a_name_of_its_own_or_that_of_a_trusted_proxy(configuration: Path, sqlite_url: str) -> None:
    with_sections(configuration, "server: {request_id_header: X-Request-Id}")
    with Ledger(sqlite_url) as ledger:
        caller = Caller(create_app(configuration, ledger=ledger, environ=ENVIRON))
        for number, (client, expected) in enumerate([("127.0.0.1", True), ("192.0.2.1", False)]):
            body = BODY + b" " * number
            answer = caller.post(
                "/webhook", body, {**github(body, f"n{number}"), "X-Request-Id": "from-proxy"}, client=client
            )
            assert (answer.headers["x-request-id"] == "from-proxy") is expected
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
        caller.close()


def test_the_ping_that_its_provider_cannot_sign_is_answered_and_leaves_nothing(local: Caller) -> None:
    headers = {"Content-Type": "application/json", "X-Event-Key": "diagnostics:ping", "X-Request-Id": "r"}
    answer = local.post("/webhook", b'{"test": true}', headers)
    assert (answer.status_code, answer.json()) == (200, {"status": "pong"})
    assert not local.application.ledger.query("SELECT 1 AS one FROM tb_webhook_event")
    assert local.post("/webhook", b'{"test": true, "x": 1}', headers).status_code == 401


@pytest.mark.parametrize("provider", ["github", "gitlab", "gitea", "forgejo", "bitbucket"])
def test_each_provider_is_found_out_by_its_headers_or_named(local: Caller, provider: str) -> None:
    for path in ("/webhook", f"/webhook?provider={provider}"):
        sample = sample_push(provider, "octo/my_api", "main", path.encode().hex().ljust(40, "0")[:40], SECRET)
        answer = local.post(path, sample.body, sample.headers)
        assert answer.status_code == 202, answer.text
        assert len(answer.json()["deployments"]) == 2


def test_a_database_that_refuses_is_told_as_to_be_tried_again(
    local: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuses(*_: Any, **__: Any) -> Any:
        from fraisier.errors import LedgerError

        error = LedgerError("disk is full")
        error.retriable = False
        raise error

    monkeypatch.setattr("fraisier.web.writer.accept", refuses)
    answer = local.post("/webhook", BODY, github(BODY))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
