"""Names of repositories."""

from __future__ import annotations

import pytest

from fraisier.git.repository import name_of, same_repository


@pytest.mark.parametrize(
    ("url", "provider", "name"),
    [
        ("https://github.com/team/my_api.git", "github", "team/my_api"),
        ("https://github.com/team/my_api", "", "team/my_api"),
        ("https://github.com/team/my_api/", "", "team/my_api"),
        ("https://github.com/team/my_api.git/", "", "team/my_api"),
        ("ssh://git@github.com:22/team/my_api.git", "github", "team/my_api"),
        ("git@github.com:team/my_api.git", "github", "team/my_api"),
        ("github.com:team/my_api", "github", "team/my_api"),
        ("git@[2001:db8::1]:team/my_api.git", "gitea", "team/my_api"),
        ("ssh://git@[2001:db8::1]:22/team/my_api.git", "gitea", "team/my_api"),
        ("git@host:/srv/git/team/my_api.git", "gitea", "team/my_api"),
        ("https://gitlab.com/team/apps/public/my_api.git", "gitlab", "team/apps/public/my_api"),
        ("https://git.example.com/gitea/team/my_api.git", "gitea", "team/my_api"),
        ("https://bitbucket.example.com/scm/TEAM/my_api.git", "bitbucket", "TEAM/my_api"),
        ("ssh://git@bitbucket.example.com:7999/~ada/my_api.git", "bitbucket", "~ada/my_api"),
        ("https://example.com/a%20team/my%2eapi.git", "", "a team/my.api"),
        ("file:///srv/git/team/my_api.git", "forgejo", "team/my_api"),
        ("/srv/git/team/my_api.git", "github", "team/my_api"),
        ("/srv/team/my_api/.git", "github", "team/my_api"),
        ("https://github.com/my_api.git", "github", ""),
        ("https://github.com", "github", ""),
        ("git@host:my_api.git", "", ""),
        ("my_api", "", ""),
        ("", "", ""),
        ("/", "github", ""),
    ],
)
def test_a_url_names_its_repository(url: str, provider: str, name: str) -> None:
    assert name_of(url, provider) == name


@pytest.mark.parametrize("provider", ["github", "gitlab", "gitea", "forgejo", "bitbucket"])
def test_our_providers_take_no_notice_of_case(provider: str) -> None:
    assert same_repository(provider, "Team/My_Api", "team/my_api")
    assert not same_repository(provider, "team/my_api", "team/my-api")
    assert not same_repository(provider, "team/my_api", "")
    assert not same_repository(provider, "", "")


def test_letters_that_only_look_alike_make_another_repository() -> None:
    assert "\N{KELVIN SIGN}".lower() == "k"
    assert not same_repository("github", "team/\N{KELVIN SIGN}it", "team/kit")
    assert same_repository("github", "team/é", "team/é")
    assert not same_repository("github", "team/É", "team/é")


def test_other_providers_are_taken_at_their_word() -> None:
    assert same_repository("sourcehut", "~ada/my_api", "~ada/my_api")
    assert not same_repository("sourcehut", "~Ada/my_api", "~ada/my_api")
