"""A canary in every place that takes a secret; then everything that was written or shown is searched for it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from fraisier.secrets.registry import OURS
from tests import backends
from tests.acceptance.world import World
from tests.processes import command_lines

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
KEPT = tuple(OURS)
"""Back ends, each of which keeps a canary in the same deployment."""
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
    return {name: f"canary-{mark}-{name.lower()}-7Qx!z '\"$" for name in (*PLACES, *KEPT)}


@dataclass
class Kept:
    """How the configuration names a canary of each back end, and what the back ends need."""

    references: dict[str, str]
    environ: dict[str, str]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[backends.Vault, backends.Aws]]:
    with (
        backends.vault(tmp_path_factory.mktemp("vault")) as vault,
        backends.aws(tmp_path_factory.mktemp("aws")) as aws,
    ):
        yield vault, aws


@pytest.fixture
def keep(
    servers: tuple[backends.Vault, backends.Aws], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, str]], Kept]:
    """Gives every back end its canary. What holds one in the clear is outside of what a deployment may write."""

    def kept(planted: dict[str, str]) -> Kept:
        vault, aws = servers
        folder = tmp_path_factory.mktemp("kept")
        mark = secrets.token_hex(4)
        vault.put(f"team/{mark}", canary=planted["vault"])
        aws.put(f"team/{mark}", json.dumps({"canary": planted["aws"]}))
        for name in ("file", "credential", "command", "lookup"):
            (folder / name).write_text(f"{planted[name]}\n")
        environ = backends.sops(folder, "s.json", {"deep": {"canary": planted["sops"]}})
        environ |= backends.ansible_vault(folder, "all.yml", json.dumps({"canary": planted["ansible_vault"]}))
        references = {
            "file": f"file:{folder}/file",
            "credential": "credential:credential",
            "command": f"command:cat {folder}/command",
            "vault": f"vault:secret/team/{mark}#canary",
            "aws": f"aws:team/{mark}#canary",
            "sops": f"sops:{folder}/s.json#deep.canary",
            "ansible_vault": f"ansible_vault:{folder}/all.yml#canary",
            "lookup": f"lookup:ansible.builtin.file {folder}/lookup",
        }
        environ |= {**vault.environ, **aws.environ, "CREDENTIALS_DIRECTORY": str(folder)}
        return Kept(references, environ)

    return kept


class ProcessWatch(threading.Thread):
    """Looks at every command line of the machine again and again while a deployment runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.looks = 0
        self.is_over = False

    def run(self) -> None:
        while not self.is_over:
            self.seen.update("\0".join(command).encode() for command in command_lines().values())
            self.looks += 1
            time.sleep(0.01)


def all_of(texts: dict[str, str]) -> str:
    """One credential that holds every canary of a back end: they all really arrive."""
    return '"' + "|".join(text.strip('"') for text in texts.values()) + '"'


def spellings(value: str) -> list[bytes]:
    core = value.split("-7Qx")[0]  # the part without characters that some format would escape
    return [core.encode(), quote(value).encode(), base64.b64encode(value.encode())[:20]]


UNUSED_PLACES = """\
git:
  github: {webhook_secret: "${WEBHOOK_CANARY}", token: "${TOKEN_CANARY}"}
notifications: {urls: ["${NOTIFY_CANARY}"]}
fraises:
"""


def service_with(texts: dict[str, str], one: str) -> str:
    credentials = f"{{canary: {texts[one]}, all: {all_of(texts)}}}"
    environment = '{SERVICE_CANARY: "${SERVICE_CANARY}"}'
    return f"      manager: supervisor\n      credentials: {credentials}\n      environment: {environment}\n"


def plant(world: World, kept: Kept) -> None:
    texts = {name: f'"${{{reference}}}"' for name, reference in kept.references.items()}
    (in_install, in_service, *in_environment) = texts
    world.write_config(
        (
            "    install:\n",
            '    install:\n      environment: {INSTALL_CANARY: "${INSTALL_CANARY}", KEPT: '
            + texts[in_install]
            + "}\n      commands:\n",
        ),
        (
            "      - [python3",
            "        - 'echo \"building with $INSTALL_CANARY and $APP_SECRET and $KEPT\"'\n        - [python3",
        ),
        (
            "      manager: supervisor\n",
            service_with(texts, in_service),
        ),
        ("version_json: version\n", 'version_json: version\n          headers: {X-Canary: "${HEADER_CANARY}"}\n'),
        ("          timeout_seconds: 4\n", "          timeout_seconds: 4\n          auth_token: ${BEARER_CANARY}\n"),
        ("    vars:\n", "    vars:\n      my_canary: ${VARS_CANARY}\n"),
        (
            "APP_SECRET: ",
            'HOOK_CANARY: "${HOOK_CANARY}", '
            + "".join(f"KEPT_{name.upper()}: {texts[name]}, " for name in in_environment)
            + "APP_SECRET: ",
        ),
        (f'"sqlite:///{world.production.database}"', '"${DATABASE_CANARY}"'),
        ("fraises:\n", UNUSED_PLACES),
        ("    service:\n", "    hooks: {before_activate: hook.yml}\n    service:\n"),
    )
    (world.root / "hook.yml").write_text(
        '- name: A hook of the user\n  ansible.builtin.debug:\n    msg: "{{ my_canary }} {{ fraisier_environment.HOOK_CANARY }}"\n'
    )


@pytest.mark.parametrize("number", [1, 2], ids=["that succeeds", "that fails"])
def test_no_canary_is_found_after_a_deployment(
    world: World, number: int, keep: Callable[[dict[str, str]], Kept]
) -> None:
    planted = canaries()
    kept = keep(planted)
    world.production.database = world.root / f"{planted['DATABASE_CANARY']}.db"
    world.write_config()
    plant(world, kept)
    environ = {name: planted[name] for name in PLACES} | kept.environ
    environ |= {"DATABASE_CANARY": f"sqlite:///{world.production.database}"}
    if number == 2:
        world.release(2, status=500)
        world.edit("service.py", 'print(f"service', 'print("env", dict(os.environ), flush=True)\nprint(f"service')
        world.commit("a service that prints its environment")
    watch = ProcessWatch()
    watch.start()
    world.fraisier("config", "validate", **environ)
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
    if number == 1:
        credentials = world.production.app / "shared" / "credentials"
        assert (credentials / "all").read_text() == "|".join(planted[name] for name in KEPT)
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
    """The service's own environment file and credentials (0600), and its log: what a program prints of itself is its own affair."""
    if path.name == "service.env" or path.parent.name == "credentials":
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


def test_a_secret_that_its_back_end_has_not_is_an_error_before_anything_happens(world: World) -> None:
    world.write_config(('"${APP_SECRET}"', '"${file:nowhere/to/be/found}"'))
    world.fraisier("config", "validate")
    done = world.fraisier("deploy", "my_api", "production", expect=3)
    said = " ".join(done.stderr.split())
    assert said.startswith("fraises.yaml:")
    assert "environment.APP_SECRET: ${file:nowhere/to/be/found}: there is no file" in said
    assert [row["status"] for row in world.history()] == ["failed"]
    assert not (world.production.app / "releases").exists()
