"""Real back ends of secrets, as tests start and end them: OpenBao, AWS Secrets Manager as moto serves it, SOPS with age, ansible-vault."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
TOKEN = "the-root-token-of-a-test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            assert process.poll() is None, f"{process.args} has ended"
            assert time.monotonic() < until, f"{url} does not answer"
            time.sleep(0.1)


@contextmanager
def running(command: list[str | Path], url: str, folder: Path) -> Iterator[None]:
    with (folder / "output.log").open("ab") as log:
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environ, cwd=folder)
    try:
        wait_until_it_answers(process, url)
        yield
    finally:
        process.kill()  # nothing of it is kept
        process.wait()


@dataclass
class Vault:
    """An OpenBao in memory, as `bao server -dev` starts it: a KV engine of version 2 at ``secret/``."""

    url: str
    environ: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, data: Mapping[str, Any] | None = None, token: str = TOKEN) -> Any:
        body = json.dumps(data).encode() if data is not None else None
        request = urllib.request.Request(f"{self.url}/v1/{path}", body, {"X-Vault-Token": token}, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or b"null")

    def put(self, path: str, **values: str | int) -> None:
        """Into the engine at ``secret/``."""
        self.ask("POST", f"secret/data/{path}", {"data": values})


@contextmanager
def vault(folder: Path) -> Iterator[Vault]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [BIN / "bao", "server", "-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"]
    with running(command, f"{url}/v1/sys/health", folder):
        yield Vault(url, {"VAULT_ADDR": url, "VAULT_TOKEN": TOKEN})


@dataclass
class Aws:
    url: str
    environ: dict[str, str] = field(default_factory=dict)

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "secretsmanager",
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )

    def put(self, name: str, text: str) -> str:
        """Returns its ARN."""
        return str(self.client().create_secret(Name=name, SecretString=text)["ARN"])


@contextmanager
def aws(folder: Path) -> Iterator[Aws]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    with running([BIN / "moto_server", "-H", "127.0.0.1", "-p", str(port)], f"{url}/moto-api/", folder):
        environ = {"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1"}
        yield Aws(url, environ | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"})


def sops(folder: Path, name: str, document: Mapping[str, Any]) -> dict[str, str]:
    """Encrypts ``document`` into the file ``name`` (JSON or YAML by its suffix) with a new age key; returns what decrypts it."""
    key = folder / f"{name}.age"
    made = subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True, text=True)
    recipient = re.search(r"age1\w+", made.stderr + key.read_text())
    assert recipient
    plain = folder / f"plain-{name}"
    plain.write_text(json.dumps(document))
    command = ["sops", "--encrypt", "--age", recipient[0], "--input-type", "json", plain]
    environ = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(command, check=True, capture_output=True, env=environ)
    (folder / name).write_bytes(done.stdout)
    plain.unlink()
    return {"SOPS_AGE_KEY_FILE": str(key)}


def ansible_vault(folder: Path, name: str, text: str) -> dict[str, str]:
    """Encrypts ``text`` into the file ``name``; returns what decrypts it."""
    password = folder / "vault-password"
    password.write_text("the password of a test\n")
    (folder / name).write_text(text)
    environ = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "ANSIBLE_VAULT_PASSWORD_FILE": str(password)}
    subprocess.run([BIN / "ansible-vault", "encrypt", str(folder / name)], check=True, capture_output=True, env=environ)
    return {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}
