"""``${vault:path#key}``: HashiCorp Vault or OpenBao. The path is that of `vault kv get`; other engines' paths are read as they are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fraisier.errors import SecretUnavailable
from fraisier.secrets.document import path_fault, pick, split
from fraisier.secrets.file import content

if TYPE_CHECKING:
    import hvac

name = "vault"
TIMEOUT_SECONDS: Final = 10
_PATH: Final = re.compile(r"[^/#\s]+(?:/[^/#\s]+)+")


def fault_of(address: str) -> str:
    fault = path_fault(address, key=True)
    is_path = _PATH.fullmatch(split(address)[0]) and not {".", ".."} & set(split(address)[0].split("/"))
    return fault or ("" if is_path else "expected path#key, such as secret/my_api#password")


def fetch(
    addresses: Sequence[str],
    environ: Mapping[str, str],
    root: Path,
) -> Mapping[str, str | SecretUnavailable]:
    """Each path is read once, so that user and password of one lease belong together."""
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for each in addresses:
        keys[split(each)[0]].append(each)
    client = _client(environ)
    found: dict[str, str | SecretUnavailable] = {}
    for path, asked in keys.items():
        document = _read(client, path)
        for each in asked:
            found[each] = document if isinstance(document, SecretUnavailable) else pick(document, split(each)[1])
    return found


def _client(environ: Mapping[str, str]) -> hvac.Client:
    try:
        import hvac
    except ImportError:
        raise SecretUnavailable(
            "needs the package hvac", hint="install it where Fraisier is, or the extra vault: pip install hvac"
        ) from None
    url = _given(environ, "ADDR")
    if not url:
        raise SecretUnavailable(
            "VAULT_ADDR is not set", hint="say where Vault is: VAULT_ADDR=https://vault.example.com:8200"
        )
    verify: bool | str = _given(environ, "CACERT") or _given(environ, "SKIP_VERIFY").lower() not in ("1", "true", "t")
    client = hvac.Client(
        url=url,
        token=_token(environ),
        namespace=_given(environ, "NAMESPACE") or None,
        verify=verify,
        timeout=TIMEOUT_SECONDS,
    )
    role, secret = _given(environ, "ROLE_ID"), _given(environ, "SECRET_ID")
    if not client.token and not (role and secret):
        raise SecretUnavailable(
            "there is no token", hint="set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, or type: vault login"
        )
    if not client.token:
        answer = _ask(lambda: client.auth.approle.login(role, secret), url)
        if isinstance(answer, SecretUnavailable):
            raise SecretUnavailable("VAULT_ROLE_ID and VAULT_SECRET_ID are not accepted")
    return client


def _given(environ: Mapping[str, str], setting: str) -> str:
    return environ.get(f"VAULT_{setting}") or environ.get(f"BAO_{setting}") or ""


def _token(environ: Mapping[str, str]) -> str:
    kept = content(Path(environ.get("HOME", "/"), ".vault-token"))
    return _given(environ, "TOKEN") or (kept.strip() if isinstance(kept, str) else "")


def _read(client: hvac.Client, path: str) -> Any:
    """The keys and values at a path, or the error that concerns it alone."""
    mount = _ask(lambda: client.adapter.get(f"/v1/sys/internal/ui/mounts/{quote(path)}"), client.url)
    if isinstance(mount, SecretUnavailable):
        return mount
    at, rest = str(mount["data"]["path"]), f"{path}/".removeprefix(str(mount["data"]["path"])).rstrip("/")
    is_newer = mount["data"]["type"] == "kv" and (mount["data"]["options"] or {}).get("version") == "2"
    said = _ask(lambda: client.adapter.get(f"/v1/{quote(at)}{'data/' if is_newer else ''}{quote(rest)}"), client.url)
    if isinstance(said, SecretUnavailable):
        if is_newer and rest.startswith("data/"):
            return SecretUnavailable(said.message, hint="leave out 'data/', as for `vault kv get`")
        return said
    return said["data"]["data"] if is_newer else said["data"]


def _ask(question: Any, url: str) -> Any:
    """The answer; what the server refuses is returned, that it is not there is raised."""
    import hvac.exceptions
    import requests

    try:
        return question()
    except hvac.exceptions.InvalidPath:
        return SecretUnavailable("there is no such secret", hint="look: vault kv get")
    except hvac.exceptions.InvalidRequest:
        return SecretUnavailable("the server cannot be asked for that")
    except hvac.exceptions.Forbidden:
        return SecretUnavailable(
            "the token may not read it, or there is no such engine", hint="look: vault token lookup"
        )
    except hvac.exceptions.VaultDown as error:
        raise SecretUnavailable(f"{url} is sealed or not ready ({type(error).__name__})", retriable=True) from None
    except hvac.exceptions.VaultError as error:
        raise SecretUnavailable(f"{url} refused ({type(error).__name__})") from None
    except requests.RequestException as error:
        raise SecretUnavailable(f"{url} did not answer ({type(error).__name__})", retriable=True) from None
