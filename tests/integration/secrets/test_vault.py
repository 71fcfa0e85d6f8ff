"""The back end vault, asked of a real OpenBao."""

from __future__ import annotations

import subprocess

from fraisier.secrets import SecretRef
from fraisier.secrets.keyring import Keyring
from tests.backends import BIN, Vault, free_port
from tests.integration.secrets.asking import refusal, value


def test_keys_of_both_versions_of_the_engine(vault: Vault) -> None:
    vault.put("team/my_api", password="hunter2", port=5432)
    vault.ask("POST", "sys/mounts/old/kv", {"type": "kv", "options": {"version": "1"}})
    vault.ask("POST", "old/kv/team/x", {"a.b": "hunter3"})
    assert value("vault:secret/team/my_api#password", vault.environ) == "hunter2"
    assert value("vault:secret/team/my_api#port", vault.environ) == "5432"
    assert value("vault:old/kv/team/x#a.b", vault.environ) == "hunter3"
    assert (
        value("vault:old/kv/team/x#a.b", {"BAO_ADDR": vault.url, "BAO_TOKEN": vault.environ["VAULT_TOKEN"]})
        == "hunter3"
    )


def test_a_path_is_read_once_for_all_its_keys(vault: Vault) -> None:
    """Every read of a wrapping token's cubbyhole but the first is refused: a second one would be seen."""
    vault.put("once", user="me", password="hunter2")
    policy = 'path "secret/data/once" { capabilities = ["read"] }'
    vault.ask("POST", "sys/policies/acl/once", {"policy": policy})
    made = vault.ask("POST", "auth/token/create", {"policies": ["once"], "no_default_policy": True, "num_uses": 2})
    environ = {"VAULT_ADDR": vault.url, "VAULT_TOKEN": made["auth"]["client_token"]}
    secret = SecretRef("${vault:secret/once#user}:${vault:secret/once#password}", "here", "/")
    assert Keyring(environ).one(secret) == "me:hunter2"


def test_an_approle_logs_in(vault: Vault) -> None:
    vault.put("role", password="hunter2")
    vault.ask("POST", "sys/auth/approle", {"type": "approle"})
    vault.ask("POST", "sys/policies/acl/reader", {"policy": 'path "secret/*" { capabilities = ["read"] }'})
    vault.ask("POST", "auth/approle/role/ci", {"token_policies": ["reader"]})
    role = vault.ask("GET", "auth/approle/role/ci/role-id")["data"]["role_id"]
    secret = vault.ask("POST", "auth/approle/role/ci/secret-id", {})["data"]["secret_id"]
    environ = {"VAULT_ADDR": vault.url, "VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret}
    assert value("vault:secret/role#password", environ) == "hunter2"
    assert refusal("vault:secret/role#password", environ | {"VAULT_SECRET_ID": "wrong"}).endswith("are not accepted")


def test_what_is_missing_is_said_with_the_next_step(vault: Vault) -> None:
    vault.put("there", password="hunter2", user="me")
    environ = vault.environ
    assert refusal("vault:secret/there#pasword", environ) == "has no key 'pasword', it has: password, user"
    assert refusal("vault:secret/nowhere#x", environ) == "there is no such secret, look: vault kv get"
    assert "leave out 'data/'" in refusal("vault:secret/data/there#password", environ)
    assert "may not read it" in refusal("vault:nowhere/x#y", environ)
    assert "may not read it" in refusal("vault:secret/there#password", environ | {"VAULT_TOKEN": "wrong"})
    assert refusal("vault:secret/there#password", {}).startswith("VAULT_ADDR is not set")
    assert refusal("vault:secret/there#password", {"VAULT_ADDR": vault.url}).startswith("there is no token")


def test_nobody_there_is_an_error_that_trying_again_may_help() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    said = refusal("vault:secret/a#b", {"VAULT_ADDR": url, "VAULT_TOKEN": "x"}, retriable=True)
    assert said == f"{url} did not answer (ConnectionError)"


def test_a_sealed_server_is_an_error_that_trying_again_may_help(vault: Vault) -> None:
    environ = {"BAO_ADDR": vault.url, "BAO_TOKEN": vault.environ["VAULT_TOKEN"]}
    subprocess.run([BIN / "bao", "operator", "seal"], env=environ, check=True, capture_output=True)
    assert "is sealed" in refusal("vault:secret/there#password", vault.environ, retriable=True)
