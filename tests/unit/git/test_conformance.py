"""Every service, every case of its data: one suite, so that nothing is checked for some providers only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from fraisier.errors import InvalidPayload
from fraisier.git import PROVIDERS, detect
from fraisier.git.registry import OURS
from fraisier.secrets import MASK
from fraisier.vocabulary import is_commit
from tests.unit.git.deliveries import (
    NOW,
    SERVICES,
    Delivery,
    all_deliveries,
    as_form,
    data_of,
    delivery_of,
    one_of_each,
    refused_deliveries,
    signed,
)

NOTHING = {
    "repository": "", "sender": "", "branch": None, "tag": None, "commit_sha": None, "is_push": False, "is_tag": False,
    "is_merge_request": False, "is_ping": False, "is_delete": False, "should_deploy": False,
}  # fmt: skip
EVERY_CASE = (
    "branch", "branch_with_slashes", "new_branch_without_commits", "force_push", "sha256_repository", "branch_deleted",
    "deletion_told_once_more", "tag", "annotated_tag", "tag_of_something_else", "tag_deleted", "several_refs", "nothing_moved",
    "ping", "merge_request", "merge_request_from_a_fork_called_main", "merge_request_merged", "something_else",
)  # fmt: skip

every_delivery = pytest.mark.parametrize("delivery", all_deliveries(), ids=str)
every_service = pytest.mark.parametrize("delivery", one_of_each(), ids=str)


def said(headers: Mapping[str, str], delivery: Delivery) -> list[dict[str, Any]]:
    """The events of an authentic delivery, without the payload."""
    provider = PROVIDERS[delivery.provider]
    provider.verify(headers, delivery.body, [SERVICES[delivery.service].secret], now=NOW)
    events = [asdict(event) for event in provider.parse(headers, delivery.body)]
    assert all(event.pop("raw_payload") for event in events)
    return events


def expected(delivery: Delivery) -> list[dict[str, Any]]:
    return [{**NOTHING, "provider": delivery.provider, **event} for event in delivery.events]


def test_every_provider_of_ours_is_among_the_services() -> None:
    assert {delivery.provider for delivery in one_of_each()} == set(OURS)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_every_case_or_says_why_not(service: str) -> None:
    data = data_of(service)
    assert {*data["cases"], *data["absent"]} >= set(EVERY_CASE)
    assert not set(data["cases"]) & set(data["absent"])


@every_delivery
def test_a_delivery_is_detected_verified_and_read(delivery: Delivery) -> None:
    headers = signed(delivery)
    assert detect(headers) == delivery.provider
    assert said(headers, delivery) == expected(delivery)


@every_delivery
def test_names_of_headers_come_in_any_case(delivery: Delivery) -> None:
    for change in (str.lower, str.upper):
        headers = {change(name): value for name, value in signed(delivery).items()}
        assert detect(headers) == delivery.provider
        assert said(headers, delivery) == expected(delivery)


@every_delivery
def test_a_form_says_the_same_where_a_service_sends_forms(delivery: Delivery) -> None:
    form = as_form(delivery)
    if SERVICES[delivery.service].in_forms:
        assert said(signed(form), form) == expected(delivery)
    else:
        with pytest.raises(InvalidPayload):
            PROVIDERS[delivery.provider].parse(form.headers, form.body)


@pytest.mark.parametrize("delivery", refused_deliveries(), ids=str)
def test_an_authentic_delivery_that_is_not_what_the_service_sends_is_refused(delivery: Delivery) -> None:
    provider = PROVIDERS[delivery.provider]
    provider.verify(signed(delivery), delivery.body, [SERVICES[delivery.service].secret], now=NOW)
    with pytest.raises(InvalidPayload):
        provider.parse(delivery.headers, delivery.body)


@every_delivery
def test_only_a_push_of_a_branch_to_a_commit_deploys(delivery: Delivery) -> None:
    for event in PROVIDERS[delivery.provider].parse(delivery.headers, delivery.body):
        assert event.should_deploy is (
            delivery.events != () and event.is_push and not event.is_tag and not event.is_delete
        )
        assert event.commit_sha is None or is_commit(event.commit_sha)
        assert event.branch is None or not (event.is_merge_request or event.is_ping or event.is_tag)


@every_delivery
def test_the_payload_is_kept_without_secrets(delivery: Delivery) -> None:
    for event in PROVIDERS[delivery.provider].parse(delivery.headers, delivery.body):
        if "the-secret-of-the-hook" not in repr(delivery.document):
            assert event.raw_payload == delivery.document
        assert "the-secret-of-the-hook" not in repr(event.raw_payload)
        assert "raw_payload" not in repr(event)


def test_a_secret_in_the_payload_is_masked_and_the_rest_is_kept() -> None:
    delivery = delivery_of("gitea", "a_secret_in_the_body")
    (event,) = PROVIDERS["gitea"].parse(delivery.headers, delivery.body)
    assert event.raw_payload == {**delivery.document, "secret": MASK}


@every_service
def test_the_body_must_be_that_of_the_event_in_the_header(delivery: Delivery) -> None:
    """The header is outside the signature: who captured one delivery can send it again under another word."""
    name = data_of(delivery.service)["event_header"]
    words = {each.headers[name] for each in all_deliveries() if each.provider == delivery.provider}
    for word in words - {delivery.headers[name]}:
        for honest in (each for each in all_deliveries() if each.service == delivery.service):
            try:
                events = PROVIDERS[delivery.provider].parse({**delivery.headers, name: word}, honest.body)
            except InvalidPayload:
                continue
            could = {event.get("branch") for event in honest.events if event.get("should_deploy")}
            assert {event.branch for event in events if event.should_deploy} <= could


@every_service
def test_a_delivery_is_called_what_the_service_calls_it(delivery: Delivery) -> None:
    provider, headers = PROVIDERS[delivery.provider], signed(delivery)
    called = provider.delivery_id(headers)
    assert called in headers.values()
    assert provider.delivery_id({}) == ""
    for unusable in ("x" * 1000, "é", "a\nb", "\x00"):
        others = {name: unusable if value == called else value for name, value in headers.items()}
        assert provider.delivery_id(others) == ""


def test_only_the_connection_test_of_bitbucket_server_may_come_unsigned() -> None:
    unsigned = {
        str(each) for each in all_deliveries() if PROVIDERS[each.provider].is_unsigned_ping(each.headers, each.body)
    }
    assert unsigned == {"bitbucket_server-ping"}
    ping = delivery_of("bitbucket_server", "ping")
    assert not PROVIDERS["bitbucket"].is_unsigned_ping(signed(ping), ping.body)
    for body in (b"", b"[]", b'{"test": 1}', b'{"test": true, "changes": []}'):
        assert not PROVIDERS["bitbucket"].is_unsigned_ping(ping.headers, body)


@every_service
def test_text_of_people_is_shown_without_what_cannot_be_shown(delivery: Delivery) -> None:
    text = "Ada\x00\x1b[31m\u202e" + "x" * 1000
    persons = {"login": text, "username": text, "name": text, "nickname": text}
    document = {**delivery.document, "sender": persons, "pusher": persons, "actor": persons, "user_username": text}
    events = PROVIDERS[delivery.provider].parse(delivery.headers, json.dumps(document).encode())
    assert [event.sender for event in events] == ["Ada\ufffd\ufffd[31m\ufffd" + "x" * 245]
