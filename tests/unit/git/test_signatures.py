"""Who may call: published vectors, and everything that must be refused, for every service."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks

from fraisier.errors import InvalidSignature
from fraisier.git import PROVIDERS
from tests.unit.git.deliveries import (
    NOW,
    SECRET,
    SERVICES,
    SIGNING_TOKEN,
    Delivery,
    as_form,
    delivery_of,
    json_of,
    one_of_each,
    signed,
    signed_at,
)

every_service = pytest.mark.parametrize("delivery", one_of_each(), ids=str)
every_service_with_forms = pytest.mark.parametrize(
    "delivery", [each for each in one_of_each() if SERVICES[each.service].in_forms], ids=str
)
every_hmac = pytest.mark.parametrize(
    "delivery", [each for each in one_of_each() if not each.service.startswith("gitlab")], ids=str
)


def short(value: object) -> str:
    return ascii(value)[:24]


@dataclass(frozen=True)
class Vector:
    """A signature that somebody else has published for a body. Facts; the bodies are a few words each."""

    source: str
    provider: str
    headers: dict[str, str]
    secret: str
    body: bytes
    now: float = 0


VECTORS = (
    Vector(
        "GitHub's documentation: Validating webhook deliveries",
        "github",
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        "It's a Secret to Everybody",
        b"Hello, World!",
    ),
    Vector(
        "Atlassian's documentation of Bitbucket Cloud: Manage webhooks",
        "bitbucket",
        {"X-Hub-Signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"},
        "It's a Secret to Everybody",
        b"Hello World!",
    ),
    Vector(
        "Standard Webhooks, whose signatures GitLab sends",
        "gitlab",
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        1614265330,
    ),
)


def is_refused(delivery: Delivery, headers: dict[str, str], *, secrets: Any = None, body: bytes | None = None) -> bool:
    usable = [SERVICES[delivery.service].secret] if secrets is None else secrets
    try:
        PROVIDERS[delivery.provider].verify(headers, delivery.body if body is None else body, usable, now=NOW)
    except InvalidSignature as error:
        assert not any(secret in str(error) for secret in (SECRET, SIGNING_TOKEN, SIGNING_TOKEN[6:]))
        return True
    return False


def with_signature(delivery: Delivery, value: str) -> dict[str, str]:
    """The delivery's headers, properly signed, but for ``value`` in the header that counts."""
    return {**signed(delivery), SERVICES[delivery.service].header: value}


def signature_of(delivery: Delivery) -> str:
    return signed(delivery)[SERVICES[delivery.service].header]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.provider)
def test_published_signatures_are_accepted(vector: Vector) -> None:
    provider = PROVIDERS[vector.provider]
    provider.verify(vector.headers, vector.body, [vector.secret], now=vector.now)
    with pytest.raises(InvalidSignature):
        provider.verify(vector.headers, vector.body + b" ", [vector.secret], now=vector.now)


@every_service
@pytest.mark.parametrize(
    "value",
    ["", " ", "sha256=", "sha256", "sha256=" + 64 * "0", "sha256=" + 64 * "z", 64 * "z", "=", "é", "sha256=é", "\ud800",
     "sha256=" + 64 * "é", "v1", "v1,", "v1,a,b", "v1a,b", ",", "None", "null", "\x00", "x" * 100_000, " v1" * 10_000],
    ids=short,
)  # fmt: skip
def test_what_is_no_signature_is_refused(delivery: Delivery, value: str) -> None:
    assert is_refused(delivery, with_signature(delivery, value))


@every_service
def test_a_missing_header_is_refused(delivery: Delivery) -> None:
    assert is_refused(delivery, {})
    assert is_refused(delivery, dict(delivery.headers))
    without = {name: value for name, value in signed(delivery).items() if name != SERVICES[delivery.service].header}
    # Gitea's own is not missed in Forgejo's deliveries, nor Gogs' in Gitea's: they are the same
    assert is_refused(delivery, without) is (delivery.service not in ("forgejo", "gitea"))


@every_service
def test_an_almost_right_signature_is_refused(delivery: Delivery) -> None:
    right = signature_of(delivery)
    wrong = [
        right[:-1],
        right[1:],
        right.upper(),
        right.title(),
        f"{right} ",
        f" {right}",
        f"{right}\n",
        f"{right}{right}",
    ]
    wrong += [
        f"{right},{right}",
        f"{right}, {right}",
        f"sha256={right}",
        f"SHA256={right[7:]}",
        f"sha1={right[7:]}",
        right[7:],
    ]
    wrong += [right[:-1] + ("0" if right[-1] != "0" else "1"), f"'{right}'", right.replace("sha256", "sha512")]
    spaced = (
        {f"{right} ", f" {right}", f"{right}, {right}"} if delivery.service == "gitlab_signed" else set()
    )  # a list, separated by spaces
    for value in (each for each in wrong if each != right and each not in spaced):
        assert is_refused(delivery, with_signature(delivery, value)), value


@every_service
def test_two_headers_that_contradict_each_other_are_refused(delivery: Delivery) -> None:
    name, right = SERVICES[delivery.service].header, signature_of(delivery)
    for headers in ({name.lower(): right, name.upper(): "x"}, {name.lower(): "x", name.upper(): right}):
        others = {each: value for each, value in signed(delivery).items() if each != name}
        assert is_refused(delivery, {**others, **headers})
    assert not is_refused(delivery, {**others, name.lower(): right, name.upper(): right})


@pytest.mark.parametrize("delivery", [each for each in one_of_each() if each.service != "gitlab"], ids=str)
def test_a_signature_holds_for_its_own_body_only(delivery: Delivery) -> None:
    for body in (
        b"",
        delivery.body + b" ",
        b" " + delivery.body,
        json.dumps(delivery.document, indent=1).encode(),
        b"\x00",
    ):
        assert is_refused(delivery, signed(delivery), body=body)


def test_a_token_of_gitlab_in_clear_signs_nothing() -> None:
    """Known, and the reason why GitLab has signing tokens."""
    delivery = delivery_of("gitlab")
    assert not is_refused(delivery, signed(delivery), body=b"another body")


@every_service
def test_the_secret_of_another_hook_is_refused(delivery: Delivery) -> None:
    assert is_refused(delivery, signed(delivery, SERVICES[delivery.service].other_secret))


@every_service
@pytest.mark.parametrize("secrets", [[], [""], ["", b""], "", b"", ()], ids=short)
def test_without_a_secret_nothing_is_authentic(delivery: Delivery, secrets: Any) -> None:
    digest = hmac.new(b"", delivery.body, "sha256").hexdigest()
    for value in ("", digest, f"sha256={digest}", signature_of(delivery)):
        assert is_refused(delivery, with_signature(delivery, value), secrets=secrets)


@every_service
def test_an_empty_secret_beside_a_good_one_is_never_tried(delivery: Delivery) -> None:
    service = SERVICES[delivery.service]
    digest = hmac.new(b"", delivery.body, "sha256").hexdigest()
    for value in ("", digest, f"sha256={digest}"):
        assert is_refused(delivery, with_signature(delivery, value), secrets=["", service.secret])
    assert not is_refused(delivery, signed(delivery), secrets=["", service.secret])


@every_service
def test_any_of_several_secrets_will_do_while_they_are_changed(delivery: Delivery) -> None:
    service = SERVICES[delivery.service]
    old, new = service.other_secret, service.secret
    for secrets in ([old, new], [new, old], (new.encode(), old.encode())):
        assert not is_refused(delivery, signed(delivery, old), secrets=secrets)
        assert not is_refused(delivery, signed(delivery, new), secrets=secrets)
    assert is_refused(delivery, signed(delivery, old), secrets=[new])


@every_service
def test_one_secret_that_is_not_in_a_list_is_one_secret_and_not_its_letters(delivery: Delivery) -> None:
    secret = SERVICES[delivery.service].secret
    assert not is_refused(delivery, signed(delivery), secrets=secret)
    assert is_refused(
        delivery, signed(delivery, "a" if delivery.service != "gitlab_signed" else "whsec_YQ=="), secrets=secret
    )


@every_service
def test_every_secret_is_compared_whichever_fits(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    service = SERVICES[delivery.service]
    for secrets in ([service.secret, service.other_secret], [service.other_secret, service.secret]):
        compared.clear()
        assert not is_refused(delivery, signed(delivery), secrets=secrets)
        assert len(compared) == 2
        assert all(isinstance(each, bytes) for pair in compared for each in pair)


@every_hmac
@pytest.mark.parametrize("algorithm", ["sha1", "sha224", "sha384", "sha512", "md5"])
def test_other_algorithms_are_refused(delivery: Delivery, algorithm: str) -> None:
    digest = hmac.new(SECRET.encode(), delivery.body, algorithm).hexdigest()
    names = {"X-Hub-Signature", SERVICES[delivery.service].header}
    for value in (digest, f"{algorithm}={digest}", f"sha256={digest}"):
        assert is_refused(delivery, {**delivery.headers, **dict.fromkeys(names, value)})


@every_service_with_forms
def test_what_is_signed_of_a_form(delivery: Delivery) -> None:
    form = as_form(delivery)
    assert not is_refused(form, signed(form))
    raw, decoded = (hmac.new(SECRET.encode(), text, "sha256").hexdigest() for text in (form.body, json_of(form)))
    prefix, wrong = ("sha256=", decoded) if delivery.service == "github" else ("", raw)
    assert is_refused(form, with_signature(form, prefix + wrong))


@every_service_with_forms
def test_a_form_without_one_payload_is_refused(delivery: Delivery) -> None:
    form = as_form(delivery)
    for body in (
        b"",
        b"payload",
        b"other=1",
        form.body + b"&" + form.body,
        b"a=1&" * 20 + form.body,
        b"Payload={}",
        b"\xff",
    ):
        changed = replace(form, body=body)
        with pytest.raises(Exception) as caught:
            PROVIDERS[delivery.provider].verify(signed(form), body, [SECRET])
        assert type(caught.value) is InvalidSignature
        with pytest.raises(Exception) as caught:
            PROVIDERS[delivery.provider].parse(changed.headers, body)
        assert caught.value.code == "InvalidPayload"


# --- GitLab's signed deliveries ------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-300, -299.5, 0, 300])
def test_a_signed_delivery_holds_for_five_minutes(late: float) -> None:
    delivery = delivery_of("gitlab_signed")
    for now in (NOW + late, datetime.fromtimestamp(NOW + late, UTC)):
        PROVIDERS["gitlab"].verify(signed(delivery), delivery.body, [SIGNING_TOKEN], now=now)


@pytest.mark.parametrize("late", [-301, -1e9, 300.5, 301, 1e9, float("nan"), float("inf")])
def test_a_signed_delivery_is_refused_outside_of_five_minutes(late: float) -> None:
    delivery = delivery_of("gitlab_signed")
    with pytest.raises(InvalidSignature):
        PROVIDERS["gitlab"].verify(signed(delivery), delivery.body, [SIGNING_TOKEN], now=NOW + late)


def test_without_a_time_given_the_clock_judges() -> None:
    delivery = delivery_of("gitlab_signed")
    fresh = {**delivery.headers, **signed_at(delivery, SIGNING_TOKEN, int(datetime.now(UTC).timestamp()))}
    PROVIDERS["gitlab"].verify(fresh, delivery.body, [SIGNING_TOKEN])
    with pytest.raises(InvalidSignature):
        PROVIDERS["gitlab"].verify(signed(delivery), delivery.body, [SIGNING_TOKEN])


@pytest.mark.parametrize(
    "timestamp", ["nan", "inf", "", "-1", f"+{NOW}", f" {NOW}", f"{NOW}.0", f"{NOW}\n", "١٧٦٣٨٠٠٠٠٠", "1_763_800_000", "9" * 5000, "0x1"],
    ids=short,
)  # fmt: skip
def test_a_timestamp_is_digits(timestamp: str) -> None:
    delivery = delivery_of("gitlab_signed")
    assert is_refused(delivery, {**delivery.headers, **signed_at(delivery, SIGNING_TOKEN, timestamp)})


@pytest.mark.parametrize("name", ["", ".", "a.b", f"f5e5f430.{NOW}"])
def test_the_id_of_a_signed_delivery_holds_no_dot(name: str) -> None:
    delivery = delivery_of("gitlab_signed")
    assert is_refused(delivery, {**delivery.headers, **signed_at(delivery, SIGNING_TOKEN, NOW, name)})


def test_id_and_timestamp_are_signed() -> None:
    delivery = delivery_of("gitlab_signed")
    assert is_refused(delivery, {**signed(delivery), "webhook-id": "another"})
    assert is_refused(delivery, {**signed(delivery), "webhook-timestamp": str(NOW + 1)})


def test_one_good_signature_among_several_is_enough() -> None:
    delivery = delivery_of("gitlab_signed")
    right = signature_of(delivery)
    for value in (f"{right} v1,AAAA", f"v1,AAAA {right}", f"v2,AAAA  {right} v1a,AAAA", f"v1 , {right}"):
        assert not is_refused(delivery, with_signature(delivery, value))
    for value in (right.replace("v1,", "v2,"), right.replace("v1,", "v1a,"), f"v1 {right[3:]}", right[3:]):
        assert is_refused(delivery, with_signature(delivery, value))


def test_with_a_signing_token_the_token_in_clear_no_longer_counts() -> None:
    """Who has read the token in a log could otherwise leave the signature out."""
    delivery = delivery_of("gitlab_signed")
    unsigned = dict(delivery.headers)
    for token in (SECRET, SIGNING_TOKEN, SIGNING_TOKEN.removeprefix("whsec_")):
        assert is_refused(delivery, {**unsigned, "X-Gitlab-Token": token}, secrets=[SECRET, SIGNING_TOKEN])
        assert is_refused(delivery, {**unsigned, "X-Gitlab-Token": token}, secrets=[SIGNING_TOKEN])
        wrong = {**signed(delivery), "webhook-signature": "v1,AAAA", "X-Gitlab-Token": token}
        assert is_refused(delivery, wrong, secrets=[SECRET, SIGNING_TOKEN])
    assert not is_refused(delivery, {**signed(delivery), "X-Gitlab-Token": SECRET}, secrets=[SECRET, SIGNING_TOKEN])


@pytest.mark.parametrize(
    "token", ["whsec_", "whsec_=", "whsec_é", "whsec_not base64", "whsec_YQ", "whsec_\ud800"], ids=short
)
def test_a_signing_token_that_is_no_key_signs_nothing(token: str) -> None:
    delivery = delivery_of("gitlab_signed")
    empty = base64.b64encode(hmac.digest(b"", f"f5e5f430-f57b.{NOW}.".encode() + delivery.body, "sha256")).decode()
    for value in (signature_of(delivery), f"v1,{empty}", "v1,", "", "v1, "):
        assert is_refused(delivery, with_signature(delivery, value), secrets=[token])
    assert not is_refused(delivery, signed(delivery), secrets=[token, SIGNING_TOKEN])


def test_standard_webhooks_signs_and_verifies_as_gitlab_does() -> None:
    """An implementation that is not ours agrees in both directions."""
    delivery = delivery_of("gitlab_signed")
    other, now = standardwebhooks.Webhook(SIGNING_TOKEN), datetime.now(UTC)
    value = other.sign("msg_1", now, delivery.body.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": value}
    PROVIDERS["gitlab"].verify(headers, delivery.body, [SIGNING_TOKEN])
    other.verify(delivery.body, signed_at(delivery, SIGNING_TOKEN, int(now.timestamp())))
    for changed in ({**headers, "webhook-id": "msg_2"}, {**headers, "webhook-signature": value[:-3] + "A=="}):
        assert is_refused(delivery, changed)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            other.verify(delivery.body, changed)
