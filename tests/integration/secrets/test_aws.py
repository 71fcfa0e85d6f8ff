"""The back end aws, asked of moto's Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fraisier.secrets import SecretRef
from fraisier.secrets import aws as backend
from fraisier.secrets.keyring import Keyring
from tests.backends import Aws, free_port
from tests.integration.secrets.asking import refusal, value


def test_texts_keys_and_arns(aws: Aws) -> None:
    aws.put("whole", "hunter2")
    arn = aws.put("team/my_api", json.dumps({"password": "hunter3", "deep": {"port": 5432}}))
    assert value("aws:whole", aws.environ) == "hunter2"
    assert value("aws:team/my_api#password", aws.environ) == "hunter3"
    assert value("aws:team/my_api#deep.port", aws.environ) == "5432"
    assert value(f"aws:{arn}#password", aws.environ) == "hunter3"


def test_many_are_asked_for_in_one_round(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        aws.put(f"many/{number}", f"hunter-{number}")
    rounds: list[Any] = []
    asked = backend._ask
    monkeypatch.setattr(backend, "_ask", lambda question, **more: rounds.append(more) or asked(question, **more))
    secrets = {str(n): SecretRef(f"${{aws:many/{n}}}", "here", "/") for n in range(3)}
    found = Keyring(aws.environ).reveal(secrets)
    assert [found[str(n)] for n in range(3)] == ["hunter-0", "hunter-1", "hunter-2"]
    assert rounds == [{"SecretIdList": ["many/0", "many/1", "many/2"]}]
    with pytest.raises(Exception, match=r"here: \$\{aws:many/9\}: there is no such secret"):
        Keyring(aws.environ).reveal({**secrets, "x": SecretRef("${aws:many/9}", "here", "/")})


def test_what_is_missing_is_said_with_the_next_step(aws: Aws) -> None:
    aws.put("plain", "hunter2")
    aws.put("document", json.dumps({"a": "hunter2"}))
    assert refusal("aws:nowhere", aws.environ).startswith("there is no such secret")
    assert refusal("aws:plain#a", aws.environ) == "is no JSON document with keys, without '#key' it is taken as a whole"
    assert refusal("aws:document#b", aws.environ) == "has no key 'b', it has: a"
    assert "set AWS_REGION" in refusal(
        "aws:plain", {name: text for name, text in aws.environ.items() if "REGION" not in name}
    )


def test_nobody_there_is_an_error_that_trying_again_may_help(aws: Aws) -> None:
    environ = aws.environ | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    assert refusal("aws:plain", environ, retriable=True) == "AWS did not answer (EndpointConnectionError)"
