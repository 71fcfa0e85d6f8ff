"""Secrets that webhooks are signed with: one that can be guessed is an error of the file, at its place, and is never shown."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraisier.config import config_schema
from fraisier.git import registry
from tests.unit.config.conftest import Load, Messages, api

jsonschema = pytest.importorskip("jsonschema", reason="comes with ansible-lint, in the development requirements")

LONG = "x" * 24
SIGNING_TOKEN = f"whsec_{base64.b64encode(bytes(24)).decode()}"
TOO_SHORT = "is too short for a secret: it needs at least 24 characters, make one: openssl rand -hex 32"
EXAMPLE = "is the secret of the example, which everybody knows, make one: openssl rand -hex 32"
NO_TOKEN = "is no signing token: whsec_ and base64 of at least 24 bytes, copy it from GitLab"


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        ("short-hunter2", TOO_SHORT),
        ("x" * 23, TOO_SHORT),
        ("'   hunter2                    '", TOO_SHORT),
        ("only-an-example", EXAMPLE),
        ("only-an-example-but-longer-than-that", EXAMPLE),
        ("${EXAMPLE}", EXAMPLE),
        ("${SHORT}", TOO_SHORT),
        ("${UNSET:-hunter2}", TOO_SHORT),
        ("''", "is empty, which is no secret"),
        ("${EMPTY}", "is empty, which is no secret"),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused_where_it_is_written(
    secret: str, fault: str, messages: Messages
) -> None:
    environ = {"EXAMPLE": "only-an-example", "SHORT": "hunter2", "EMPTY": ""}
    rest = f"""
        git:
          github:
            webhook_secret: {secret}
        hooks:
          partner:
            provider: gitea
            secrets:
              - {LONG}
              - {secret}
            repositories: [a/b]
    """
    text = api(rest=rest)
    first, second = (number for number, line in enumerate(text.splitlines(), 1) if line.endswith(f" {secret}"))
    assert messages(text, environ) == [
        f"fraises.yaml:{first}:21 git.github.webhook_secret: {fault}",
        f"fraises.yaml:{second}:9 hooks.partner.secrets[1]: {fault}",
    ]


@pytest.mark.parametrize("secret", ["'${UNSET}'", "null", "{a: b}", "5"])
def test_what_is_no_text_is_told_once(secret: str, messages: Messages) -> None:
    (message,) = messages(
        api(rest=f"hooks: {{partner: {{provider: gitea, secrets: [{secret}], repositories: [a/b]}}}}")
    )
    assert "hooks.partner.secrets" in message


def test_a_hook_without_secrets_is_refused(messages: Messages) -> None:
    (message,) = messages(api(rest="hooks: {partner: {provider: gitea, repositories: [a/b]}}"))
    assert message.endswith("hooks.partner: secrets is missing")


@pytest.mark.parametrize(
    "provider",
    ["git: {gitlab: {webhook_secret: %s}}", "hooks: {a: {provider: gitlab, secrets: %s, repositories: [a/b]}}"],
)
def test_a_signing_token_of_gitlab_is_a_key_of_at_least_24_bytes(provider: str, load: Load, messages: Messages) -> None:
    assert load(api(rest=provider % SIGNING_TOKEN))
    short = f"whsec_{base64.b64encode(bytes(23)).decode()}"
    for token in (
        "whsec_",
        short,
        "whsec_not-base64-at-all-but-long",
        SIGNING_TOKEN[:-1],
        "whsec_ééééééééééééééééééééééé",
    ):
        (message,) = messages(api(rest=provider % token))
        assert message.endswith(NO_TOKEN)


def test_long_secrets_of_any_kind_are_fine(load: Load) -> None:
    config = load(
        api(rest=f"git: {{github: {{webhook_secret: [{LONG}, whsec_{LONG}]}}, gitlab: {{webhook_secret: {LONG}}}}}")
    )
    assert config.git.github
    assert len(config.git.github.webhook_secret) == 2


def test_a_hook_does_not_share_its_secret(load: Load, messages: Messages) -> None:
    rest = f"""
        git:
          github: {{webhook_secret: [{LONG}, {LONG}]}}
          gitlab: {{webhook_secret: {LONG}}}
        hooks:
          partner: {{provider: gitea, secrets: [{LONG}-2], repositories: [a/b]}}
    """
    assert load(api(rest=rest)), "providers may"
    others = f"""
          other: {{provider: github, secrets: ["{LONG}-3", "${{SECRET}}"], repositories: [c/d]}}
          third: {{provider: github, secrets: {LONG}, repositories: [e/f]}}
    """
    found = messages(api(rest=rest.rstrip() + others), {"SECRET": f"{LONG}-2"})
    fault = "too: who knows it there could sign for the repositories of this hook, make one: openssl rand -hex 32"
    assert [message.split(" ", 1)[1] for message in found] == [
        f"hooks.other.secrets[1]: is a secret of hooks.partner, {fault}",
        f"hooks.third.secrets: is a secret of git.github, {fault}",
    ]


@pytest.fixture
def sourcehut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that adds a provider of this name is installed."""
    about = tmp_path / "site" / "my_providers-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-providers\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[fraisier.git_providers]\nsourcehut = my_providers.sourcehut\n")
    monkeypatch.syspath_prepend(str(about.parent))
    registry.PROVIDERS.__dict__.pop("_theirs", None)
    yield
    registry.PROVIDERS.__dict__.pop("_theirs", None)


HOOK = "hooks: {{partner: {{provider: {}, secrets: {}, repositories: [a/b]}}}}"


@pytest.mark.usefixtures("sourcehut")
def test_a_hook_may_be_of_a_provider_that_a_package_adds(load: Load) -> None:
    assert load(api(rest=HOOK.format("sourcehut", LONG))).hooks["partner"].provider == "sourcehut"
    assert "my_providers" not in sys.modules, "it is loaded when it is used"


@pytest.mark.usefixtures("sourcehut")
def test_a_misspelt_provider_is_told_the_nearest(messages: Messages) -> None:
    (message,) = messages(api(rest=HOOK.format("sorcehut", LONG)))
    known = "github, gitlab, gitea, forgejo, bitbucket, sourcehut"
    assert message.endswith(
        f"hooks.partner.provider: expected one of {known}, got text 'sorcehut', did you mean 'sourcehut'?"
    )


def test_the_schema_lists_our_providers_and_takes_others() -> None:
    schema = config_schema()
    provider = str(schema["$defs"]["Webhook"]["properties"]["provider"])
    assert "'enum': ['github', 'gitlab', 'gitea', 'forgejo', 'bitbucket']" in provider
    for name, is_fine in (
        ("github", True),
        ("sourcehut", True),
        ("${PROVIDER}", True),
        ("Source Hut", False),
        (5, False),
    ):
        hook = {"provider": name, "secrets": LONG, "repositories": ["a/b"]}
        assert jsonschema.Draft202012Validator(schema).is_valid({"hooks": {"partner": hook}, "fraises": {}}) is is_fine
