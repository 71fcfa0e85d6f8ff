"""Late values, and references that never show what they stand for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraisier.config import resolved_as_data
from fraisier.errors import ConfigError
from fraisier.fraise_types.api import Settings
from fraisier.secrets import Address, SecretRef, addresses, fault_of, has_references, references, substitute
from tests.unit.config.conftest import Load, api

ENVIRON = {"A": "one", "EMPTY": "", "REF": "${A}"}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("<${A}-${A}>", "<one-one>"),
        ("${NONE:-two}", "two"),
        ("${NONE:-}", ""),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY}", ""),
        ("${A:-two}", "one"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A $(A) {A}", "$A $(A) {A}"),
        ("${REF}", "${A}"),
    ],
)
def test_references_are_replaced_once(template: str, value: str) -> None:
    assert fault_of(template, ENVIRON) is None
    assert substitute(template, ENVIRON) == value


@pytest.mark.parametrize(
    "template", ["${", "${}", "${1}", "${A", "${A-b}", "${A:}", "${vault:${A}}", "${NONE:-${A}}", "${NONE}"]
)
def test_what_cannot_be_replaced_is_refused(template: str) -> None:
    assert fault_of(template, ENVIRON)
    with pytest.raises(ConfigError):
        substitute(template, ENVIRON)


@given(st.text("${}A:-b", max_size=12))
def test_a_template_is_replaced_or_refused(template: str) -> None:
    if fault_of(template, ENVIRON):
        with pytest.raises(ConfigError):
            substitute(template, ENVIRON)
    elif not has_references(template):
        assert substitute(template, {}) == template.replace("$${", "${")


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("${vault:kv/a#b}", [Address("vault", "kv/a#b")]),
        ("<${A}${aws:a:b#c}${file:~/x y}>", [Address("aws", "a:b#c"), Address("file", "~/x y")]),
        ("${command:op read 'op://a/b c' --x=$Y}", [Address("command", "op read 'op://a/b c' --x=$Y")]),
        ("$${vault:kv/a#b}", []),
        ("${vault:-kv/a#b}", []),
        ("${ansible-vault:a#b}", [Address("ansible-vault", "a#b")]),
    ],
)
def test_what_back_ends_are_asked_for_is_told_from_variables(template: str, found: list[Address]) -> None:
    environ = {"A": "one", "vault": "x"}
    assert list(addresses(template)) == found
    assert fault_of(template, environ) is None
    for each in found:
        assert str(each) in template
    values = {each: f"<{number}>" for number, each in enumerate(found)}
    assert substitute(template, environ, values).count("<") >= len(found)


def test_values_of_back_ends_are_data() -> None:
    assert substitute("${box:a}", {"A": "x"}, {Address("box", "a"): "${A}$${A}"}) == "${A}$${A}"


def test_a_secret_names_its_variables_and_shows_nothing() -> None:
    secret = SecretRef("postgresql://${USER}:hunter2@${HOST:-db}/x", "fraises.yaml:1:1 a")
    assert secret.variables == ("USER", "HOST")
    assert [reference.default for reference in references(secret.template)] == [None, "db"]
    assert repr(secret) == str(secret) == f"{secret}" == "<SecretRef USER, HOST>"
    assert repr(SecretRef("hunter2")) == "<SecretRef literal>"
    assert secret.filled({"USER": "me"}) == "postgresql://me:hunter2@db/x"


def test_a_secret_names_its_back_ends() -> None:
    secret = SecretRef("${vault:kv/a#b}hunter2${A}", "here", "/etc")
    assert repr(secret) == "<SecretRef A, ${vault:kv/a#b}>"
    assert secret == SecretRef("${vault:kv/a#b}hunter2${A}", "there", "/usr")


KEPT = api(
    settings="""
        database: {tool: alembic, url: "postgresql://${vault:kv/db#user}:${vault:kv/db#password}@db/x"}
        environment: {KEY: "${file:key}", OTHER: "$${file:key}"}
        vars: {deep: [{token: "${lookup:x}"}]}
    """,
    environment='{service: {credentials: {token: !envvar TOKEN, number: 5, key: "${sops:a.yaml#b}"}}}',
    rest="""
        git: {github: {webhook_secret: ["${vault:kv/hooks#github}"]}}
        notifications: {urls: ["slack://${vault:kv/slack#path}", "${file:url}", "mailto://${TOKEN}"]}
    """,
)


def test_what_back_ends_keep_is_not_asked_for_when_the_file_is_read(load: Load) -> None:
    config = load(KEPT, {"TOKEN": "hunter2-token"})
    resolved = config.get_fraise_environment("my_api", "production")
    settings = resolved.settings
    assert isinstance(settings, Settings)
    assert settings.environment == {"KEY": SecretRef("${file:key}"), "OTHER": "${file:key}"}
    assert settings.service
    token = SecretRef("${TOKEN}")
    assert settings.service.credentials == {"token": token, "number": "5", "key": SecretRef("${sops:a.yaml#b}")}
    assert settings.vars == {"deep": [{"token": SecretRef("${lookup:x}")}]}
    assert settings.database
    assert isinstance(settings.database.url, SecretRef)
    assert settings.database.url.root == str(config.root)
    assert resolved.notices.places == ("slack #1", "address #2", "mailto #3")
    assert config.secret_values() == {"hunter2-token", "mailto://hunter2-token"}


def test_a_missing_variable_is_told_with_the_place_of_the_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        SecretRef("${NONE}hunter2", "fraises.yaml:14:7 fraises.my_api.database.url").filled({})
    assert str(caught.value) == "fraises.yaml:14:7 fraises.my_api.database.url: the variable NONE is not set"


def test_the_place_of_a_secret_is_no_part_of_what_it_is() -> None:
    assert SecretRef("${A}", "here") == SecretRef("${A}", "there")
    assert hash(SecretRef("${A}", "here")) == hash(SecretRef("${A}", "there"))


SECRETS = api(
    settings="""
        database: {tool: alembic, url: "postgresql://${DB_PASSWORD}@db/x"}
        environment: {PLAIN: text, SECRET: "a${TOKEN}", ESCAPED: "$${TOKEN}"}
        vars: {nested: [{token: "${TOKEN}", plain: text}]}
        description: about ${WORD}
    """,
    environment="{health_check: {auth_token: hunter2, headers: {X-Token: !envvar TOKEN}}}",
    rest="""
        git: {github: {webhook_secret: ["${TOKEN}", literal-hunter2-which-is-long], token: "${TOKEN}"}}
        hooks: {partner: {provider: gitea, secrets: "partner-${TOKEN}", repositories: [a/b]}}
        notifications: {urls: ["mailto://${TOKEN}"]}
    """,
)
VALUES = {"DB_PASSWORD": "hunter2-db", "TOKEN": "hunter2-token-which-is-long", "WORD": "it"}


def test_secrets_stay_references_and_all_else_is_resolved(load: Load) -> None:
    config = load(SECRETS, VALUES)
    resolved = config.get_fraise_environment("my_api", "production")
    settings = resolved.settings
    assert isinstance(settings, Settings)
    assert settings.database
    assert settings.health_check
    assert settings.database.url == SecretRef("postgresql://${DB_PASSWORD}@db/x")
    assert settings.database.url.place == "fraises.yaml:9:36 fraises.my_api.database.url"
    assert settings.environment == {"PLAIN": "text", "SECRET": SecretRef("a${TOKEN}"), "ESCAPED": "${TOKEN}"}
    assert settings.health_check.auth_token == SecretRef("hunter2")
    assert settings.health_check.headers == {"X-Token": SecretRef("${TOKEN}")}
    assert settings.vars == {"nested": [{"token": SecretRef("${TOKEN}"), "plain": "text"}]}
    assert resolved.description == "about it"
    assert config.git.github
    assert config.git.github.webhook_secret == (SecretRef("${TOKEN}"), SecretRef("literal-hunter2-which-is-long"))
    assert config.hooks["partner"].secrets == (SecretRef("partner-${TOKEN}"),)
    assert settings.database.url.filled(config.environ) == "postgresql://hunter2-db@db/x"


def test_no_value_of_a_secret_is_shown(load: Load) -> None:
    config = load(SECRETS, VALUES)
    shown = json.dumps(resolved_as_data(config))
    everything = (
        shown + repr(list(config.all())) + repr([config.git, config.hooks, config.notifications, config.sources])
    )
    assert "hunter2" not in shown
    assert "hunter2" not in everything
    assert json.loads(shown)["fraises"]["my_api"]["environments"]["production"]["environment"] == {
        "PLAIN": "text",
        "SECRET": "***",
        "ESCAPED": "${TOKEN}",
    }
