"""Two instances: their names, ports and places, and which one a release belongs to, as the host tells it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.fraisier.deploy.plugins.plugin_utils import http_check, instances, protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments

PORTS = {"blue": 8001, "green": 8002}


def parse(**given: Any) -> instances.Instances:
    return instances.parse(Arguments(given))


def test_an_instance_has_a_name_a_place_and_a_port_of_its_own() -> None:
    green = parse(blue_green={**PORTS, "variable": "LISTEN"}).of("green")
    assert (green.name("my.api.service"), green.name("web"), green.name("")) == (
        "my.api-green.service",
        "web-green",
        "",
    )
    assert (green.place, green.environment_file, green.environment) == (
        "green",
        "service-green.env",
        {"LISTEN": "8002"},
    )
    assert green.text("WorkingDirectory=/srv/a/@color@") == "WorkingDirectory=/srv/a/green"


def test_without_blue_green_everything_is_as_it_was() -> None:
    only = parse()
    assert not only.are_two
    assert (only.of("").place, only.of("").environment_file, only.of("").name("web.service")) == (
        "current",
        "service.env",
        "web.service",
    )


@pytest.mark.parametrize(
    "given",
    [
        {"blue": 1, "green": 1},
        {"blue": 1},
        {"blue": "x", "green": 2},
        {**PORTS, "red": 3},
        {**PORTS, "variable": "A B"},
    ],
    ids=str,
)
def test_what_cannot_be_two_instances_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="blue_green"):
        parse(blue_green=given)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/health?a=b", "http://127.0.0.1:8002/health?a=b"),
        ("http://user:word@localhost/health", "http://user:word@localhost:8002/health"),
        ("http://[::1]/", "http://[::1]:8002/"),
        ("", ""),
    ],
)
def test_the_health_check_asks_the_instance_at_its_own_port(url: str, expected: str) -> None:
    arguments = Arguments({"app_path": "/srv/a", "url": url, "blue_green": PORTS})
    assert http_check.parse(arguments).of("green").url == expected


@pytest.mark.parametrize(
    ("links", "release", "wanted", "expected"),
    [
        ({}, "r1", "release", "blue"),  # a first deployment
        ({"blue": "r1"}, "r2", "release", "blue"),  # after one that failed
        ({"green": "r1"}, "r1", "release", "green"),
        ({"blue": "r1", "current": "r1"}, "r2", "release", "green"),
        ({"blue": "r1", "current": "r1", "green": "r0"}, "r1", "release", "blue"),
        ({"blue": "r1", "current": "r1", "green": "r2"}, "r2", "release", "green"),
        ({"blue": "r1", "current": "r2", "green": "r2"}, "r1", "release", "blue"),  # going back
        ({"blue": "r1", "current": "r2", "green": "r2"}, "", "release", "green"),  # the one that serves
        ({"blue": "r1", "current": "r2", "green": "r2"}, "r2", "other", "blue"),
        ({"current": "r0"}, "r1", "release", "blue"),  # there was one instance before
    ],
)
def test_the_links_say_which_instance_it_is(
    links: dict[str, str], release: str, wanted: str, expected: str, tmp_path: Path
) -> None:
    for name, target in links.items():
        (tmp_path / name).symlink_to(f"releases/{target}")
    both = instances.Instances(PORTS, "PORT", release, wanted)
    parts = [shell.source("lib"), shell.assign("app_path", str(tmp_path)), *both.parts(lambda _: [])]
    program = shell.wrap("token", [*parts, shell.source(instances.SCRIPT), "finish"])
    done = subprocess.run(["sh", "-s"], input=program, capture_output=True, text=True, check=True)
    assert protocol.read("token", done.stdout).text("color") == expected
