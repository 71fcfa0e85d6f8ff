"""environments.<environment> -> fraise -> the fraise's environment: what a setting comes to."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fraisier.config.tree import Entry, Place, Value, mapping, merge, plain
from fraisier.fraise_types.api import Settings
from tests.unit.config.conftest import Load, Messages, api

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


def tree(data: Any) -> Value:
    if isinstance(data, dict):
        return mapping({key: Entry(Place((key,)), tree(inner)) for key, inner in data.items()}, Place())
    return Value([tree(item) for item in data] if isinstance(data, list) else data)


def merged(*levels: Any) -> Any:
    result = tree({})
    for level in levels:
        result = merge(result, tree(level))
    return plain(result)


def holds_null_key(data: Any) -> bool:
    return isinstance(data, dict) and any(inner is None or holds_null_key(inner) for inner in data.values())


def rfc_7396(target: Any, patch: Any) -> Any:
    """The algorithm of JSON Merge Patch, as its section 2 gives it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, inner in patch.items():
        if inner is None:
            result.pop(key, None)
        else:
            result[key] = rfc_7396(result.get(key), inner)
    return result


@given(MAPPINGS, MAPPINGS)
def test_merging_is_json_merge_patch(first: Any, second: Any) -> None:
    assert merged(first, second) == rfc_7396(rfc_7396({}, first), second)


@given(MAPPINGS)
def test_an_empty_level_changes_nothing(level: Any) -> None:
    assert merged(level, {}) == merged({}, level) == merged(level)


@given(MAPPINGS, MAPPINGS)
def test_a_level_laid_on_twice_is_laid_on_once(first: Any, second: Any) -> None:
    assert merged(first, second, second) == merged(first, second)


@given(MAPPINGS, MAPPINGS)
def test_no_null_is_left(first: Any, second: Any) -> None:
    assert not holds_null_key(merged(first, second))


def production(load: Load, text: str, environ: dict[str, str] | None = None) -> Settings:
    settings = load(text, environ).get_fraise_environment("my_api", "production").settings
    assert isinstance(settings, Settings)
    return settings


def test_the_nearer_level_wins(load: Load) -> None:
    settings = production(
        load,
        api(
            settings="user: of_the_fraise\nport: 23",
            environment="{port: 24}",
            rest="environments: {production: {user: of_all, port: 22, become_user: of_all}}\n",
        ),
    )
    assert (settings.user, settings.port, settings.become_user) == ("of_the_fraise", 24, "of_all")


def test_mappings_merge_deeply_and_lists_replace(load: Load) -> None:
    settings = production(
        load,
        api(
            settings="environment: {A: fraise, B: fraise}\nshared: [a/]",
            environment="{environment: {B: environment}, shared: [b/], health_check: {timeout_seconds: 5}}",
            rest="environments: {production: {environment: {A: all, C: all}}}\n",
        ),
    )
    assert settings.environment == {"A": "fraise", "B": "environment", "C": "all"}
    assert settings.shared == ("b/",)
    assert settings.health_check
    assert (settings.health_check.url, settings.health_check.timeout_seconds) == ("http://localhost/health", 5)


def test_null_goes_back_to_the_default(load: Load) -> None:
    settings = production(load, api(settings="keep_releases: 9", environment="{keep_releases: null, shared: }"))
    assert (settings.keep_releases, settings.shared) == (5, ())


def test_server_is_short_for_hosts_on_any_level(load: Load) -> None:
    settings = production(load, api(environment="{server: web9}"))
    assert [host.name for host in settings.hosts] == ["web9"]
    assert settings.server is None
    text = api(rest="environments: {production: {server: web9}}\n")
    assert [host.name for host in production(load, text).hosts] == ["web1"]


def test_command_is_short_for_commands_on_any_level(load: Load) -> None:
    text = api(settings="install: {commands: [a, b], timeout_seconds: 5}", environment="{install: {command: [c, d]}}")
    install = production(load, text).install
    assert install
    assert (install.commands, install.timeout_seconds) == ((("c", "d"),), 5)


def test_install_may_be_text_or_a_list(load: Load) -> None:
    for written, commands in [("make", ("make",)), ("[make, [pip, install]]", ("make", ("pip", "install")))]:
        install = production(load, api(settings=f"install: {written}")).install
        assert install
        assert install.commands == commands


def test_local_connection_means_this_host(load: Load) -> None:
    settings = production(load, api(environment="{connection: local, hosts: null}"))
    assert [host.name for host in settings.hosts] == ["localhost"]
    settings = production(load, api(environment="{connection: local}"))
    assert [host.name for host in settings.hosts] == ["web1"]


def test_settings_that_nobody_wrote_are_known(load: Load) -> None:
    resolved = load(api()).get_fraise_environment("my_api", "production")
    assert {"keep_releases", "branch", "user"} <= resolved.unset
    assert not {"app_path", "hosts", "service"} & resolved.unset


def test_a_fault_of_one_environment_leaves_the_others_to_be_checked(messages: Messages) -> None:
    text = """\
        fraises:
          my_api:
            type: api
            app_path: /srv/my_api
            hosts: [web1]
            service: {exec: ./run}
            health_check: {url: http://localhost/}
            environments:
              production: {port: many}
              staging: {}
    """
    assert messages(text) == [
        "fraises.yaml:9:26 fraises.my_api.environments.production.port: expected a whole number, got text 'many'",
        "fraises.yaml:10:7 fraises.my_api.environments.staging: git_repo is missing, say where the code comes from",
    ]
