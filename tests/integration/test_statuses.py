"""Posting commit statuses to local servers: the shapes of the requests, and what becomes of every answer."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fraisier.errors import FraisierError, StatusRefused, TargetUnreachable
from fraisier.git import statuses
from fraisier.git.statuses import post_status

COMMIT = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
TOKEN = "a-token-of-some-length"
CONTEXT = "fraisier/my_api/production"
PAGE = "https://deploy.example.com/deployments/12"
PROVIDERS = ("github", "gitlab", "gitea", "forgejo", "bitbucket")


@dataclass(frozen=True)
class Asked:
    """One request as a server got it; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Peer:
    """A server that keeps what it is asked, and answers from a list: status, headers, text. At its end the last is repeated."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=lambda: [(201, {}, "{}")])
    asked: list[Asked] = field(default_factory=list)
    silent: threading.Event | None = None


@contextmanager
def serving() -> Iterator[Peer]:
    peer = Peer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            peer.asked.append(Asked("POST", self.path, headers, json.loads(text)))
            if peer.silent:
                peer.silent.wait(30)
                return
            status, more, answer = peer.answers.pop(0) if len(peer.answers) > 1 else peer.answers[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(answer.encode())), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client may hang up before it has heard everything."""

    with Server(("127.0.0.1", 0), Handler) as server:
        peer.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield peer
        finally:
            if peer.silent:
                peer.silent.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serving() as found:
        yield found


def tell(peer: Peer | None, provider: str, **changes: Any) -> None:
    told: dict[str, Any] = {
        "base_url": peer.url if peer else None, "token": TOKEN, "repository": "team/my_api", "commit": COMMIT, "state": "success",
        "context": CONTEXT, "description": "Deployed in 12 s", "target_url": PAGE, "timeout_seconds": 5, **changes,
    }  # fmt: skip
    post_status(provider, **told)


def error_of(peer: Peer | None, provider: str, **changes: Any) -> FraisierError:
    with pytest.raises(FraisierError) as caught:
        tell(peer, provider, **changes)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_github_enterprise_is_told_as_it_wants(peer: Peer) -> None:
    tell(peer, "github", state="error")
    (asked,) = peer.asked
    assert (asked.method, asked.path) == ("POST", f"/api/v3/repos/team/my_api/statuses/{COMMIT}")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["accept"] == "application/vnd.github+json"
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    assert asked.headers["content-type"] == "application/json"
    assert asked.body == {"state": "error", "target_url": PAGE, "description": "Deployed in 12 s", "context": CONTEXT}


@pytest.mark.parametrize("base_url", [None, "https://github.com", "https://api.github.com/"])
def test_github_com_has_its_api_elsewhere(base_url: str | None, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses.GITHUB_API == "https://api.github.com"
    monkeypatch.setattr(statuses, "GITHUB_API", peer.url)
    tell(peer, "github", base_url=base_url)
    assert peer.asked[0].path == f"/repos/team/my_api/statuses/{COMMIT}"


@pytest.mark.parametrize(
    ("state", "theirs"), [("pending", "pending"), ("success", "success"), ("failure", "failed"), ("error", "failed")]
)
def test_gitlab_is_told_as_it_wants(state: str, theirs: str, peer: Peer) -> None:
    tell(peer, "gitlab", state=state, repository="team/apps/my_api")
    (asked,) = peer.asked
    assert asked.path == f"/api/v4/projects/team%2Fapps%2Fmy_api/statuses/{COMMIT}"
    assert asked.headers["private-token"] == TOKEN
    assert "authorization" not in asked.headers
    assert asked.body == {"state": theirs, "target_url": PAGE, "description": "Deployed in 12 s", "context": CONTEXT}


@pytest.mark.parametrize("provider", ["gitea", "forgejo"])
def test_gitea_and_forgejo_are_told_as_they_want(provider: str, peer: Peer) -> None:
    tell(peer, provider, state="failure", base_url=f"{peer.url}/below/")
    (asked,) = peer.asked
    assert asked.path == f"/below/api/v1/repos/team/my_api/statuses/{COMMIT}"
    assert asked.headers["authorization"] == f"token {TOKEN}"
    assert asked.body == {"state": "failure", "target_url": PAGE, "description": "Deployed in 12 s", "context": CONTEXT}


BUILT = {"key": CONTEXT, "name": CONTEXT, "url": PAGE, "description": "Deployed in 12 s"}


@pytest.mark.parametrize(
    ("state", "theirs"),
    [("pending", "INPROGRESS"), ("success", "SUCCESSFUL"), ("failure", "FAILED"), ("error", "FAILED")],
)
def test_bitbucket_server_is_told_as_it_wants(state: str, theirs: str, peer: Peer) -> None:
    peer.answers = [(204, {}, "")]
    tell(peer, "bitbucket", state=state, repository="~ada/my_api")
    (asked,) = peer.asked
    assert asked.path == f"/rest/api/1.0/projects/~ada/repos/my_api/commits/{COMMIT}/builds"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.body == {**BUILT, "state": theirs}


@pytest.mark.parametrize("base_url", [None, "https://bitbucket.org"])
def test_bitbucket_cloud_is_told_as_it_wants(base_url: str | None, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses.BITBUCKET_API == "https://api.bitbucket.org/2.0"
    monkeypatch.setattr(statuses, "BITBUCKET_API", f"{peer.url}/2.0")
    tell(peer, "bitbucket", base_url=base_url)
    (asked,) = peer.asked
    assert asked.path == f"/2.0/repositories/team/my_api/commit/{COMMIT}/statuses/build"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.body == {**BUILT, "state": "SUCCESSFUL"}


def test_bitbucket_takes_an_account_with_its_token_too(peer: Peer) -> None:
    tell(peer, "bitbucket", token="ada@example.com:secret")
    expected = base64.b64encode(b"ada@example.com:secret").decode()
    assert peer.asked[0].headers["authorization"] == f"Basic {expected}"


def test_without_a_page_bitbucket_is_given_that_of_the_commit(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses a status without an address; the others are not sent an empty one."""
    tell(peer, "bitbucket", target_url="")
    monkeypatch.setattr(statuses, "BITBUCKET_API", peer.url)
    tell(peer, "bitbucket", target_url="", base_url=None)
    tell(peer, "github", target_url="")
    server, cloud, github = peer.asked
    assert server.body["url"] == f"{peer.url}/projects/team/repos/my_api/commits/{COMMIT}"
    assert cloud.body["url"] == f"https://bitbucket.org/team/my_api/commits/{COMMIT}"
    assert "target_url" not in github.body


def test_long_texts_are_cut_where_providers_refuse_them(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statuses, "BITBUCKET_API", peer.url)
    contexts = [f"fraisier/{'my_api' * 10}/{name}" for name in ("production", "staging")]
    for context in contexts:
        tell(peer, "bitbucket", base_url=None, context=context, description="x" * 1000)
    for provider in ("github", "gitlab", "gitea"):
        tell(peer, provider, description="x" * 1000)
    keys = [asked.body["key"] for asked in peer.asked[:2]]
    assert [len(key) for key in keys] == [40, 40]
    assert keys[0] != keys[1]
    assert [len(asked.body["description"]) for asked in peer.asked] == [255, 255, 140, 255, 255]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_worth_another_try(provider: str, status: int, peer: Peer) -> None:
    peer.answers = [(status, {}, "come back later")]
    error = error_of(peer, provider)
    assert error.retriable
    assert isinstance(error, TargetUnreachable)
    assert str(status) in str(error)
    assert "come back later" in str(error)
    assert len(peer.asked) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_what_will_not_pass_is_not_tried_again(provider: str, status: int, peer: Peer) -> None:
    peer.answers = [(status, {}, '{"message": "no\n such thing"}')]
    error = error_of(peer, provider)
    assert isinstance(error, StatusRefused)
    assert not error.retriable
    assert '{"message": "no such thing"}' in str(error)


@pytest.mark.parametrize("headers", [{"Retry-After": "60"}, {"X-RateLimit-Remaining": "0"}])
def test_github_says_403_when_it_was_asked_too_often(headers: dict[str, str], peer: Peer) -> None:
    peer.answers = [(403, headers, "rate limit exceeded")]
    assert error_of(peer, "github").retriable


@pytest.mark.parametrize(
    ("state", "there", "fine"),
    [
        ("pending", "pending", True),
        ("pending", "running", True),
        ("success", "success", True),
        ("failure", "failed", True),
        ("pending", "success", False),
        ("success", "failed", False),
    ],
)
def test_gitlab_refuses_a_state_that_is_there_already(state: str, there: str, fine: bool, peer: Peer) -> None:
    answer = (
        f'{{"message":"Cannot transition status via :enqueue from :{there} (Reason(s): Status cannot transition)"}}'
    )
    peer.answers = [(400, {}, answer)]
    if fine:
        tell(peer, "gitlab", state=state)
    else:
        assert not error_of(peer, "gitlab", state=state).retriable


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_within_the_server_is_followed_with_the_same_request(status: int, peer: Peer) -> None:
    peer.answers = [(status, {"Location": "/api/v3/repositories/12/statuses/x"}, ""), (201, {}, "")]
    tell(peer, "github")
    first, second = peer.asked
    assert second.path == "/api/v3/repositories/12/statuses/x"
    assert (second.method, second.body) == (first.method, first.body)
    assert second.headers["authorization"] == first.headers["authorization"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_redirect_to_another_server_is_not_followed(provider: str, peer: Peer) -> None:
    """The token would go along. Another port, scheme or name is another server."""
    port = urlsplit(peer.url).port
    with serving() as other:
        for there in (
            other.url,
            f"{other.url}/api",
            f"https://127.0.0.1:{port}/",
            f"//{urlsplit(other.url).netloc}/",
            f"http://localhost:{port}/",
        ):
            peer.answers = [(307, {"Location": there}, "")]
            error = error_of(peer, provider)
            assert isinstance(error, StatusRefused)
            assert "redirects to another server" in str(error)
        assert other.asked == []


def test_a_redirect_to_nowhere_is_refused(peer: Peer) -> None:
    peer.answers = [(307, {"Location": "http://["}, "")]
    assert not error_of(peer, "github").retriable


def test_redirects_in_circles_end(peer: Peer) -> None:
    peer.answers = [(307, {"Location": "/again"}, "")]
    assert not error_of(peer, "gitea").retriable
    assert len(peer.asked) == 4


def test_a_server_that_does_not_answer_is_tried_again_later(peer: Peer) -> None:
    peer.silent = threading.Event()
    error = error_of(peer, "gitlab", timeout_seconds=0.2)
    assert error.retriable
    assert "0.2 s" in str(error)


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    with serving() as gone:
        url = gone.url
    assert error_of(None, "gitea", base_url=url).retriable


@pytest.mark.parametrize(
    "base_url", ["http://" + "a" * 300, "http://a..b", "http://[::1", "http://host:99999", "nonsense"]
)
def test_an_address_that_is_none_is_not_tried_again(base_url: str) -> None:
    for provider in PROVIDERS:
        assert not error_of(None, provider, base_url=base_url).retriable


def test_an_answer_of_any_length_and_bytes_is_told_in_brief(peer: Peer) -> None:
    peer.answers = [(500, {}, "é\x00 " * 1_000_000)]
    assert len(str(error_of(peer, "github"))) < 600


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nfeed", "é", "x\x00"], ids=ascii)
def test_what_is_no_token_is_not_sent(token: str, peer: Peer) -> None:
    with pytest.raises(StatusRefused):
        tell(peer, "github", token=token)
    assert peer.asked == []


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("repository", ["", "my_api", "/my_api", "team/", "team/..", "../my_api", "team/./my_api"])
def test_what_is_no_repository_is_not_asked_for(provider: str, repository: str, peer: Peer) -> None:
    assert not error_of(peer, provider, repository=repository).retriable
    assert peer.asked == []


def test_names_stay_in_their_place_of_the_path(peer: Peer) -> None:
    tell(peer, "github", repository="te am?#/%2e%2e")
    assert peer.asked[0].path == f"/api/v3/repos/te%20am%3F%23/%252e%252e/statuses/{COMMIT}"


@pytest.mark.parametrize("commit", ["", "main", "da15608", COMMIT.upper(), f"{COMMIT}/../x", f"{COMMIT}\n"])
def test_what_is_no_commit_is_not_told_of(commit: str, peer: Peer) -> None:
    assert not error_of(peer, "github", commit=commit).retriable
    assert peer.asked == []


def test_a_provider_that_is_not_ours_cannot_be_told(peer: Peer) -> None:
    assert "sourcehut" in str(error_of(peer, "sourcehut"))


def test_a_netrc_does_not_replace_the_token(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    tell(peer, "github")
    tell(peer, "gitlab")
    assert peer.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "authorization" not in peer.asked[1].headers
