"""The library: what a configuration answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError, ConfigNotFound, UsageError
from fraisier.fraise_types import TYPES, api, scheduled
from fraisier.vocabulary import Target
from tests.unit.config.conftest import Load
from tests.unit.config.conftest import api as api_file

TWO = """
fraises:
  my_api:
    type: api
    description: Customer API
    git_repo: https://git.example.com/my_api.git
    systemd_service: my_api
    health_check: {url: http://localhost/health}
    environments:
      staging: {hosts: [web1], app_path: /srv/staging, branch: develop}
      production: {hosts: [web2], app_path: /srv/my_api/}
  reports:
    type: scheduled
    git_repo: https://git.example.com/reports.git
    app_path: /srv/reports
    hosts: [web2]
    jobs:
      nightly: {schedule: "0 2 * * *", command: [./report, --all], depends_on: [hourly]}
      hourly: {calendar: hourly, command: ./collect}
    environments:
      production:
branch_mapping:
  main: [my_api/production, {fraise: reports, environment: production}]
  develop: my_api/staging
"""


def test_fraises_and_targets_are_in_the_order_of_the_file(load: Load) -> None:
    config = load(TWO)
    assert config.targets() == [
        Target("my_api", "staging"),
        Target("my_api", "production"),
        Target("reports", "production"),
        Target("reports", "production", "nightly"),
        Target("reports", "production", "hourly"),
    ]
    assert [str(resolved.target) for resolved in config.all()] == [
        "my_api/staging",
        "my_api/production",
        "reports/production",
    ]


def test_a_fraise_has_its_environments(load: Load, tmp_path: Path) -> None:
    config = load(TWO)
    fraise = config.get_fraise("my_api")
    assert (fraise.name, fraise.type, fraise.description) == ("my_api", "api", "Customer API")
    assert list(fraise.environments) == ["staging", "production"]
    resolved = config.get_fraise_environment("my_api", "production")
    assert resolved is fraise.environments["production"]
    assert resolved.root == tmp_path == config.root
    assert config.path == tmp_path / "fraises.yaml"
    assert isinstance(resolved.settings, api.Settings)
    assert resolved.settings.app_path == "/srv/my_api"


def test_branches_lead_to_targets(load: Load) -> None:
    config = load(TWO)
    assert [str(each.target) for each in config.get_fraises_for_branch("main")] == [
        "my_api/production",
        "reports/production",
    ]
    one = config.get_fraise_for_branch("develop")
    assert one
    assert one.target == Target("my_api", "staging")
    assert config.get_fraise_for_branch("other") is None
    assert config.get_fraises_for_branch("other") == []
    with pytest.raises(UsageError, match="'main' has several targets: my_api/production, reports/production"):
        config.get_fraise_for_branch("main")


def test_an_unknown_name_is_answered_with_the_known_ones(load: Load) -> None:
    config = load(TWO)
    with pytest.raises(UsageError) as caught:
        config.get_fraise("my_apo")
    assert str(caught.value) == (
        "there is no fraise 'my_apo', did you mean 'my_api'?\n  known fraises: my_api, reports"
    )  # fmt: skip
    with pytest.raises(UsageError) as caught:
        config.get_fraise_environment("my_api", "xyz")
    assert str(caught.value) == "my_api has no environment 'xyz'\n  environments of my_api: staging, production"


def units(resolved: ResolvedFraise) -> list[tuple[str, str]]:
    return list(resolved.settings.units(resolved.target))


def test_a_unit_has_one_name(load: Load) -> None:
    named = load(TWO).get_fraise_environment("my_api", "production")
    assert units(named) == [("system", "my_api.service")]
    derived = load(api_file()).get_fraise_environment("my_api", "production")
    assert units(derived) == [("system", "fraisier-my_api-production.service")]
    with_dot = load(api_file(settings="systemd_service: my.api@1.service")).get_fraise_environment(
        "my_api", "production"
    )
    assert units(with_dot) == [("system", "my.api@1.service")]


def test_short_forms_become_long_ones(load: Load) -> None:
    text = api_file(
        environment="{rollout: {strategy: canary, batch_size: 25%}, hosts: [web1, {name: web2, port: '2222'}]}",
    )
    settings = load(text).get_fraise_environment("my_api", "production").settings
    assert settings.rollout.batch_size == ("25%",)
    assert [(host.name, host.port) for host in settings.hosts] == [("web1", None), ("web2", 2222)]


def test_values_of_variables_become_numbers_and_truth_values(load: Load) -> None:
    text = api_file(environment="{port: '${P}', become: '${B}', rollout: {batch_size: ['${N}', '${Q}']}}")
    settings = (
        load(text, {"P": "22", "B": "yes", "N": "2", "Q": "50%"})
        .get_fraise_environment("my_api", "production")
        .settings
    )
    assert (settings.port, settings.become, settings.rollout.batch_size) == (22, True, (2, "50%"))


def test_jobs_are_read(load: Load) -> None:
    settings = load(TWO).get_fraise_environment("reports", "production").settings
    assert isinstance(settings, scheduled.Settings)
    assert settings.jobs["nightly"].command == ("./report", "--all")
    assert settings.jobs["nightly"].depends_on == ("hourly",)


def test_hooks_are_found_beside_the_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "announce.yml").write_text("[]")
    text = api_file(settings="hooks: {before_migrate: deploy/announce.yml}")
    settings = load(text).get_fraise_environment("my_api", "production").settings
    assert isinstance(settings, api.Settings)
    assert settings.hooks == {"before_migrate": "deploy/announce.yml"}


@pytest.mark.parametrize(
    "repository",
    [
        "https://git.example.com/a.git",
        "https://me@git.example.com/a.git",
        "ssh://git@git.example.com:2222/a.git",
        "git@git.example.com:team/a.git",
        "git.example.com:a.git",
        "file:///srv/git/a.git",
        "/srv/git/a.git",
    ],
)
def test_a_repository_may_be_written_as_git_takes_it(repository: str, load: Load) -> None:
    text = api_file(environment=f"{{git_repo: '{repository}'}}")
    settings = load(text).get_fraise_environment("my_api", "production").settings
    assert isinstance(settings, api.Settings)
    assert settings.git_repo == repository


def test_every_type_has_a_module() -> None:
    assert list(TYPES) == ["api", "etl", "scheduled", "backup", "docker_compose", "coolify"]
    assert {name: module.PLAYBOOK for name, module in TYPES.items()} == {
        name: f"fraisier.deploy.{name}" for name in TYPES
    }
    assert [name for name, module in TYPES.items() if module.BUILT] == list(TYPES)
    with pytest.raises(KeyError):
        TYPES["apii"]


def test_the_process_is_the_default_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fraises.yaml").write_text(api_file(settings="user: ${FRAISIER_TEST_USER}"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAISIER_TEST_USER", "somebody")
    monkeypatch.delenv("FRAISIER_CONFIG", raising=False)
    assert FraisierConfig().get_fraise_environment("my_api", "production").settings.user == "somebody"


class TestLookup:
    """Where the file is looked for."""

    def test_the_first_place_wins(self, tmp_path: Path) -> None:
        home, xdg = tmp_path / "home", tmp_path / "xdg"
        places = [
            tmp_path / "fraises.yaml",
            tmp_path / "config" / "fraises.yaml",
            xdg / "fraisier" / "fraises.yaml",
        ]
        for place in places:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(api_file())
        environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(xdg)}
        for place in places:
            assert FraisierConfig(cwd=tmp_path, environ=environ).path == place
            place.unlink()
        place = home / ".config" / "fraisier" / "fraises.yaml"
        place.parent.mkdir(parents=True)
        place.write_text(api_file())
        for relative in ("", "relative"):
            assert FraisierConfig(cwd=tmp_path, environ={"HOME": str(home), "XDG_CONFIG_HOME": relative}).path == place

    def test_a_named_file_wins_and_is_not_passed_over(self, tmp_path: Path) -> None:
        for name in ("fraises.yaml", "mine.yaml", "other.yaml"):
            (tmp_path / name).write_text(api_file())
        environ = {"FRAISIER_CONFIG": "other.yaml"}
        assert FraisierConfig("mine.yaml", cwd=tmp_path, environ=environ).path == tmp_path / "mine.yaml"
        assert FraisierConfig(cwd=tmp_path, environ=environ).path == tmp_path / "other.yaml"
        with pytest.raises(ConfigNotFound, match=r"gone\.yaml: no such file \(the given path\)"):
            FraisierConfig("gone.yaml", cwd=tmp_path, environ=environ)
        with pytest.raises(ConfigNotFound, match=r"gone\.yaml: no such file \(FRAISIER_CONFIG\)"):
            FraisierConfig(cwd=tmp_path, environ={"FRAISIER_CONFIG": "gone.yaml"})

    def test_not_found_says_where_it_looked_and_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigNotFound) as caught:
            FraisierConfig(cwd=tmp_path, environ={"HOME": "/nowhere"})
        assert caught.value.http_status == 404
        assert str(caught.value).splitlines() == [
            "no fraises.yaml found; looked for",
            f"  {tmp_path}/fraises.yaml",
            f"  {tmp_path}/config/fraises.yaml",
            "  /nowhere/.config/fraisier/fraises.yaml",
            "  /etc/fraisier/fraises.yaml",
            "  write a first one with 'fraisier init', or name yours with --config or FRAISIER_CONFIG",
        ]

    def test_messages_name_the_file_as_people_see_it(self, tmp_path: Path) -> None:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "fraises.yaml").write_text("fraises: {}\n")
        with pytest.raises(ConfigError, match=r"^config/fraises\.yaml: names"):
            FraisierConfig(cwd=tmp_path, environ={})
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        with pytest.raises(ConfigError, match=rf"^{tmp_path}/config/fraises\.yaml: names"):
            FraisierConfig(tmp_path / "config" / "fraises.yaml", cwd=elsewhere, environ={})

    def test_a_dangling_link_is_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "fraises.yaml").symlink_to("gone")
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "fraises.yaml").write_text(api_file())
        assert FraisierConfig(cwd=tmp_path, environ={}).path.parent.name == "config"


def test_the_process_environment_is_not_changed(load: Load) -> None:
    before = dict(os.environ)
    load(api_file(), {"A": "b"}, dotenv="C=d\n")
    assert dict(os.environ) == before
