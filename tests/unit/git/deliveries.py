"""The deliveries in ``data``, and how each service signs them; written from the services' documentation, not with our own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

DATA = Path(__file__).parent / "data"
SECRET = "a secret of some length, for tests"
OTHER_SECRET = "the secret of another repository"
SIGNING_KEY = bytes(range(32))
SIGNING_TOKEN = f"whsec_{base64.b64encode(SIGNING_KEY).decode()}"
OTHER_SIGNING_TOKEN = f"whsec_{base64.b64encode(bytes(range(32, 64))).decode()}"
NOW = 1_763_800_000
FORM = "application/x-www-form-urlencoded"

HASHES = {
    "$OLD256": "0" + "1d" * 31 + "a",
    "$NEW256": "2e" * 32,
    "$OLD": "95790bf891e76fee5e1747ab589903a6a1f80f22",
    "$NEW": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    "$OBJECT": "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7",
    "$OTHER": "c441029cf673f84c8b7db52d0a5944ee5c52ff89",
    "$ZERO": "0" * 40,
}


@dataclass(frozen=True)
class Delivery:
    """One request of a service, not signed yet, and the events that it should become (only what differs from nothing)."""

    service: str
    provider: str
    case: str
    headers: Mapping[str, str]
    document: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return f"{self.service}-{self.case}"


Signer = Callable[[Delivery, str], Mapping[str, str]]


@dataclass(frozen=True)
class Service:
    """How a service signs: ``header`` is the one that carries the signature; ``foreign`` a value for it that is none."""

    header: str
    sign: Signer
    secret: str = SECRET
    other_secret: str = OTHER_SECRET
    in_forms: bool = False


def _hex(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _sign_github(delivery: Delivery, secret: str) -> dict[str, str]:
    sha1 = hmac.new(secret.encode(), delivery.body, hashlib.sha1).hexdigest()
    return {"X-Hub-Signature": f"sha1={sha1}", "X-Hub-Signature-256": f"sha256={_hex(secret, delivery.body)}"}


def _sign_gitlab_token(delivery: Delivery, secret: str) -> dict[str, str]:
    return {"X-Gitlab-Token": secret}


def _sign_gitlab(delivery: Delivery, secret: str) -> dict[str, str]:
    return signed_at(delivery, secret, NOW)


def signed_at(delivery: Delivery, secret: str, timestamp: object, delivery_id: str = "f5e5f430-f57b") -> dict[str, str]:
    """The headers of a signed delivery of GitLab 19.0 and later."""
    message = f"{delivery_id}.{timestamp}.".encode() + delivery.body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), message, hashlib.sha256).digest()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _sign_gitea(delivery: Delivery, secret: str) -> dict[str, str]:
    digest = _hex(secret, json_of(delivery))
    sha1 = hmac.new(secret.encode(), json_of(delivery), hashlib.sha1).hexdigest()
    return {
        "X-Gitea-Signature": digest,
        "X-Gogs-Signature": digest,
        "X-Hub-Signature": f"sha1={sha1}",
        "X-Hub-Signature-256": f"sha256={digest}",
    }


def _sign_forgejo(delivery: Delivery, secret: str) -> dict[str, str]:
    return {"X-Forgejo-Signature": _hex(secret, json_of(delivery)), **_sign_gitea(delivery, secret)}


def _sign_bitbucket(delivery: Delivery, secret: str) -> dict[str, str]:
    return {"X-Hub-Signature": f"sha256={_hex(secret, delivery.body)}"}


SERVICES: Mapping[str, Service] = {
    "github": Service("X-Hub-Signature-256", _sign_github, in_forms=True),
    "gitlab": Service("X-Gitlab-Token", _sign_gitlab_token),
    "gitlab_signed": Service("webhook-signature", _sign_gitlab, SIGNING_TOKEN, OTHER_SIGNING_TOKEN),
    "gitea": Service("X-Gitea-Signature", _sign_gitea, in_forms=True),
    "forgejo": Service("X-Forgejo-Signature", _sign_forgejo, in_forms=True),
    "bitbucket_cloud": Service("X-Hub-Signature", _sign_bitbucket),
    "bitbucket_server": Service("X-Hub-Signature", _sign_bitbucket),
}


def signed(delivery: Delivery, secret: str | None = None) -> dict[str, str]:
    """All headers of the delivery, signed with its service's own secret unless another is given."""
    service = SERVICES[delivery.service]
    return {**delivery.headers, **service.sign(delivery, secret or service.secret)}


def json_of(delivery: Delivery) -> bytes:
    return json.dumps(delivery.document, ensure_ascii=False, separators=(",", ":")).encode()


def as_form(delivery: Delivery) -> Delivery:
    """The same delivery, sent as a form."""
    headers = {**delivery.headers, "Content-Type": FORM}
    return replace(delivery, headers=headers, body=urlencode({"payload": json_of(delivery).decode()}).encode())


@cache
def all_deliveries() -> tuple[Delivery, ...]:
    return tuple(delivery for service in SERVICES for delivery in _read(service, "cases"))


@cache
def refused_deliveries() -> tuple[Delivery, ...]:
    """Authentic, and not what the service sends."""
    return tuple(delivery for service in SERVICES for delivery in _read(service, "refused"))


def delivery_of(service: str, case: str = "branch") -> Delivery:
    return next(each for each in all_deliveries() if (each.service, each.case) == (service, case))


def one_of_each() -> list[Delivery]:
    """A push to ``main`` by every service."""
    return [delivery_of(service) for service in SERVICES]


@cache
def data_of(service: str) -> dict[str, Any]:
    text = (DATA / f"{service.removesuffix('_signed')}.yaml").read_text()
    for name, commit in HASHES.items():
        text = (
            text.replace(f"{name}\\n", f"{commit}\\n")
            .replace(name, f'"{commit}"')
            .replace(f'""{commit}"', f'"{commit}')
        )
    return dict(yaml.safe_load(text))


def _read(service: str, section: str) -> Iterator[Delivery]:
    data = data_of(service)
    for case, entry in data[section].items():
        word, document = entry["word"], entry["body"]
        headers = {**data["headers"], **entry.get("headers", {})}
        if word is not None:
            headers |= dict.fromkeys((data["event_header"], *data.get("also", ())), word)
        default = {"event_type": _event_type(word), "repository": data.get("repository", "team/my_api")}
        events = tuple({**default, **event} for event in entry.get("events", ()))
        delivery = Delivery(service, data["provider"], case, headers, document, events)
        yield replace(delivery, body=json_of(delivery))


def _event_type(word: str | None) -> str:
    return "push" if word in ("Push Hook", "System Hook") else word or ""
