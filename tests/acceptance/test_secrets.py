"""A canary in every place that takes a secret; then everything that was written or shown is searched for it."""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.acceptance.world import World

PLACES = (
    "APP_SECRET",
    "DATABASE_CANARY",
    "INSTALL_CANARY",
    "SERVICE_CANARY",
    "HEADER_CANARY",
    "BEARER_CANARY",
    "HOOK_CANARY",
    "VARS_CANARY",
    "WEBHOOK_CANARY",
    "TOKEN_CANARY",
    "NOTIFY_CANARY",
)
LOOKS = (
    ["logs", "--all"],
    ["logs", "--all", "--json"],
    ["history", "--json"],
    ["config", "show"],
    ["render", "my_api", "production"],
    ["status", "--live", "--json"],
)


def canaries() -> dict[str, str]:
    """Values of this one test: another that runs beside it has its own in memory files."""
    mark = secrets.token_hex(4)
    return {name: f"canary-{mark}-{name.lower()}-7Qx!z '\"$" for name in PLACES}


class ProcessWatch(threading.Thread):
    """Looks at every command line of the machine again and again while a deployment runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.looks = 0
        self.is_over = False

    def run(self) -> None:
        while not self.is_over:
            for process in Path("/proc").glob("[0-9]*"):  # whose files may be gone in the next moment
                try:
                    self.seen.add((process / "cmdline").read_bytes())
                except OSError:
                    continue
            self.looks += 1
            time.sleep(0.01)


def spellings(value: str) -> list[bytes]:
    core = value.split("-7Qx")[0]  # the part without characters that some format would escape
    return [core.encode(), quote(value).encode(), base64.b64encode(value.encode())[:20]]


UNUSED_PLACES = """\
git:
  github: {webhook_secret: "${WEBHOOK_CANARY}", token: "${TOKEN_CANARY}"}
notifications: {urls: ["${NOTIFY_CANARY}"]}
fraises:
"""


def plant(world: World) -> None:
    world.write_config(
        ("    install:\n", '    install:\n      environment: {INSTALL_CANARY: "${INSTALL_CANARY}"}\n      commands:\n'),
        ("      - [python3", "        - 'echo \"building with $INSTALL_CANARY and $APP_SECRET\"'\n        - [python3"),
        (
            "      manager: supervisor\n",
            '      manager: supervisor\n      environment: {SERVICE_CANARY: "${SERVICE_CANARY}"}\n',
        ),
        ("version_json: version\n", 'version_json: version\n          headers: {X-Canary: "${HEADER_CANARY}"}\n'),
        ("          timeout_seconds: 4\n", "          timeout_seconds: 4\n          auth_token: ${BEARER_CANARY}\n"),
        ("    vars:\n", "    vars:\n      my_canary: ${VARS_CANARY}\n"),
        ("APP_SECRET: ", 'HOOK_CANARY: "${HOOK_CANARY}", APP_SECRET: '),
        (f'"sqlite:///{world.production.database}"', '"${DATABASE_CANARY}"'),
        ("fraises:\n", UNUSED_PLACES),
        ("    service:\n", "    hooks: {before_activate: hook.yml}\n    service:\n"),
    )
    (world.root / "hook.yml").write_text(
        '- name: A hook of the user\n  ansible.builtin.debug:\n    msg: "{{ my_canary }} {{ fraisier_environment.HOOK_CANARY }}"\n'
    )


@pytest.mark.parametrize("number", [1, 2], ids=["that succeeds", "that fails"])
def test_no_canary_is_found_after_a_deployment(world: World, number: int) -> None:
    planted = canaries()
    world.production.database = world.root / f"{planted['DATABASE_CANARY']}.db"
    world.write_config()
    plant(world)
    environ = planted | {"DATABASE_CANARY": f"sqlite:///{world.production.database}"}
    if number == 2:
        world.release(2, status=500)
        world.edit("service.py", 'print(f"service', 'print("env", dict(os.environ), flush=True)\nprint(f"service')
        world.commit("a service that prints its environment")
    watch = ProcessWatch()
    watch.start()
    done = world.fraisier("deploy", "my_api", "production", expect=0 if number == 1 else 5, **environ)
    shown = done.stdout + done.stderr
    for command in LOOKS:
        again = world.fraisier(*command, expect=None, **environ)
        shown += again.stdout + again.stderr
    world.fraisier("render", "my_api", "production", "-o", str(world.root / "rendered"), **environ)
    watch.is_over = True
    watch.join()
    assert watch.looks > 20
    assert "*** ***" in shown, "the hook has printed its two secrets, masked"
    written = [path for path in world.root.rglob("*") if path.is_file() and not is_meant_to_hold_it(path)]
    leftovers = [path for path in Path("/dev/shm").rglob("*") if path.is_file() and os.access(path, os.R_OK)]
    contents = {path: content_of(path) for path in [*written, *leftovers]}
    for name, value in planted.items():
        for spelling in spellings(value):
            assert spelling.decode() not in shown, f"{name} was shown"
            assert not [line for line in watch.seen if spelling in line], f"{name} was in a process list"
            found = [path for path, content in contents.items() if spelling in content]
            assert not found, f"{name} was written to {found}"


def content_of(path: Path) -> bytes:
    """Nothing of a file that is gone by now: tests that run beside this one have theirs in memory, too."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def is_meant_to_hold_it(path: Path) -> bool:
    """The service's own environment file (0600), and its own log: what a program prints of itself is its own affair on its host."""
    if path.name == "service.env":
        assert path.stat().st_mode & 0o077 == 0
        return True
    return path.suffix == ".log" or ("supervisor" in path.parts and "log" in path.parts)


def test_the_service_really_gets_its_secret(world: World) -> None:
    world.deploy()
    answer = world.production.answer()
    assert answer is not None
    assert answer["secret_seen"] is True


def test_an_unset_secret_is_an_error_before_anything_happens(world: World) -> None:
    world.secret = None
    done = world.fraisier("deploy", "my_api", "production", expect=3)
    assert "the variable APP_SECRET is not set" in done.stderr
    assert "fraises.yaml:" in done.stderr
    assert not (world.production.app / "releases").exists()
