"""What a look at a host means, judged from what the script saw: clock, port, git, service."""

from __future__ import annotations

import pytest
from ansible_collections.fraisier.deploy.plugins.plugin_utils import checkup
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer


def answer(**values: str | list[str]) -> Answer:
    lines = {name: tuple(value) if isinstance(value, list) else (value,) for name, value in values.items()}
    return Answer(lines, complete=True)


@pytest.mark.parametrize(
    ("seen", "state", "message"),
    [
        ("100.500000000", "ok", "as this machine's"),
        ("99.000000000", "ok", "1.0 s behind this machine"),
        ("107.500000000", "warning", "6.5 s ahead of this machine"),
        ("90.000000000", "warning", "10.0 s behind this machine"),
        ("5000.000000000", "problem", "4899.0 s ahead of this machine"),
        ("99.N", "ok", "as this machine's"),
        ("90", "warning", "9.0 s behind this machine"),
        ("noon", "warning", "the host does not tell its time"),
    ],
)
def test_only_what_lies_outside_of_the_question_is_a_difference_of_clocks(seen: str, state: str, message: str) -> None:
    found = checkup.clock(answer(clock=seen), 100.0, 101.0, 2.0)
    assert (found.check, found.state, found.message) == ("clock", state, message)
    assert bool(found.hint) == (state != "ok")


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:8000/health", 8000),
        ("http://localhost/health", 80),
        ("https://[::1]/", 443),
        ("https://api.example.com/health", 0),
        ("", 0),
    ],
)
def test_a_port_is_looked_at_where_the_health_check_asks_the_host_itself(url: str, port: int) -> None:
    assert checkup.port_of(url) == port


@pytest.mark.parametrize(
    ("holders", "state", "found"),
    [
        ([], "stopped", ("ok", "8000 is free")),
        (["12 python3 ours"], "running", ("ok", "8000 is held by the service")),
        (["9 nginx other"], "stopped", ("ok", "8000 is held by nginx (pid 9), a proxy")),
        (["0 uid-33 other"], "running", ("ok", "8000 is held, and the service runs")),
        (
            ["0 uid-33 other"],
            "stopped",
            ("problem", "8000 is held by a process of uid 33, which is not the service"),
        ),
        (["7 java other"], "running", ("problem", "8000 is held by java (pid 7), which is not the service")),
    ],
)
def test_a_port_is_free_or_the_services_or_a_proxys(holders: list[str], state: str, found: tuple[str, str]) -> None:
    seen = answer(state=state, **({"holder": holders} if holders else {}))
    finding = checkup.port(seen, 8000)
    assert (finding.state, finding.message) == found
    assert bool(finding.hint) == (finding.state == "problem")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Host key verification failed.\nfatal: Could not read from remote repository.", "ssh-keyscan git.example.com"),
        ("git@git.example.com: Permission denied (publickey).", "give bob on the host a deploy key"),
        ("ssh: Could not resolve hostname git.example.com", "DNS and firewall"),
        ("fatal: repository not found", "look at git_repo"),
        ("fatal: something else", "try it on the host: git ls-remote git@git.example.com:a/b.git"),
    ],
)
def test_what_git_says_leads_to_what_to_do(said: str, hint: str) -> None:
    seen = answer(git_rc="128", git_said=said.split("\n"))
    finding = checkup.git(seen, "git@git.example.com:a/b.git", "main", "bob", "the host")
    assert finding is not None
    assert (finding.state, said.split("\n")[-1] in finding.message) == ("problem", True)
    assert hint in finding.hint
    pushed = checkup.git(seen, "git@git.example.com:a/b.git", "main", "bob", "the controller")
    assert pushed is not None and "the host" not in pushed.hint


def test_a_repository_without_the_branch_is_a_warning() -> None:
    finding = checkup.git(answer(git_rc="0", git_said=""), "/srv/repo", "main", "bob", "the host")
    assert finding is not None and finding.state == "warning" and "no branch or tag main" in finding.message
    fine = checkup.git(
        answer(git_rc="0", git_said=f"{'a' * 40}\trefs/heads/main"), "/srv/repo", "main", "bob", "the host"
    )
    assert fine is not None and fine.state == "ok"


def test_a_service_is_missed_only_where_a_release_is_current() -> None:
    assert checkup.service(answer(state="stopped", current_release_id=""), "systemd", "a.service") is None
    down = checkup.service(answer(state="failed", current_release_id="R1"), "systemd", "a.service")
    assert down is not None and down.state == "problem" and down.message.startswith("a.service is failed")
