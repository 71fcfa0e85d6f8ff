"""Compose projects on real containers: podman and podman-compose on this machine, a registry on loopback."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from direct import perform
from estate import Estate, Run, release_id

from tests.containers import BASE, Containers

pytestmark = pytest.mark.xdist_group("containers")  # one podman for all of them

# As process 1 they would not listen to TERM.
COMMON = "    network_mode: host\n    stop_signal: KILL\n"
SERVICES = f"services:\n  web:\n    image: {BASE}\n{COMMON}"


def stage(estate: Estate, number: int, compose: str, **files: str) -> dict[str, str]:
    """A release as fetching leaves it: its id and version."""
    commit = str(number) * 40
    identifier = release_id(commit, number)
    release = estate.release(identifier)
    release.mkdir(parents=True)
    (release / "REVISION").write_text(commit)
    for name, text in {"compose.yaml": compose, **files}.items():
        (release / name).write_text(text)
    return {"release_id": identifier, "version": commit}


def project(estate: Estate) -> str:
    return str(estate.variables["fraisier_docker_compose_project"])


def act(estate: Estate, state: str, release: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """One task of the plugin; images are taken as they are on the host unless told."""
    given = {"app_path": str(estate.app), "project": project(estate), "state": state, "stop_timeout_seconds": 1}
    options = {name: more.pop(name) for name in ("check", "diff") if name in more}
    return perform("docker_compose", {**given, "pull": False, **(release or {}), **more}, path=estate.path, **options)


def switch(estate: Estate, release: dict[str, str]) -> None:
    link = estate.app / "current"
    link.unlink(missing_ok=True)
    link.symlink_to(f"releases/{release['release_id']}")


def deploy(estate: Estate, release: dict[str, str], **more: Any) -> dict[str, Any]:
    built = act(estate, "built", release, **more)
    assert not built.get("failed"), built
    switch(estate, release)
    return act(estate, "restarted", release, **more)


def ask(estate: Estate, name: str = "health", **more: Any) -> dict[str, Any]:
    compose = {"project": project(estate), "one_shot": more.pop("one_shot", [])}
    given = {"app_path": str(estate.app), "manager": "docker_compose", "compose": compose, **more}
    return perform(name, given, path=estate.path)


def role(estate: Estate, names: str, *arguments: str, state: str = "restarted", **release: str) -> Run:
    return estate.role(
        names,
        *arguments,
        fraisier_docker_compose_state=state,
        fraisier_docker_compose_pull=False,
        **{f"fraisier_{name}": value for name, value in release.items()},
    )


def test_roles_check_run_and_run_again(composed: Estate, containers: Containers) -> None:
    release = stage(composed, 1, SERVICES)
    role(composed, "preflight,docker_compose,activate", state="built", **release).ok()
    would = role(composed, "docker_compose", "--check", **release).ok()
    assert (would.changed, containers.names(project(composed), running=False)) == (1, [])
    assert role(composed, "docker_compose", **release).ok().changed == 1
    assert len(containers.names(project(composed))) == 1
    again = role(composed, "docker_compose,health,prune", **release).ok()
    assert (again.changed, again.result("health")["evidence"]) == (0, "containers")


def test_images_and_stopping_are_told_before_and_done_once(composed: Estate, containers: Containers) -> None:
    release = stage(composed, 1, SERVICES)
    pinned = composed.release(release["release_id"]) / ".fraisier" / "images"
    assert act(composed, "built", release, check=True)["changed"] is True
    assert not pinned.exists()
    built = act(composed, "built", release, diff=True)
    (image,) = built["images"]
    assert image == {"service": "web", "id": containers.image(BASE), "name": BASE, "digest": ""}
    assert built["diff"]["after"] == f"web: {BASE} {image['id'][:12]}\n"
    assert act(composed, "built", release)["changed"] is False

    switch(composed, release)
    started = act(composed, "restarted", release, diff=True)
    assert started["diff"]["after"] == f"web {image['id'][:19]} running\n"
    assert act(composed, "stopped", check=True)["changed"] is True
    assert len(containers.names(project(composed))) == 1
    assert act(composed, "stopped")["changed"] is True
    assert containers.names(project(composed), running=False) == []
    assert act(composed, "stopped")["changed"] is False


def test_going_back_runs_the_image_of_then_whatever_the_tag_means_now(composed: Estate, containers: Containers) -> None:
    name = containers.publish("app:latest", "one")
    services = SERVICES.replace(BASE, name)
    first, second = stage(composed, 1, services), stage(composed, 2, services)

    def says() -> str:
        (container,) = containers.names(project(composed))
        return containers.podman("exec", container, "cat", "/version")

    assert deploy(composed, first, pull=True)["state"] == "running"
    assert says() == "one"
    containers.publish("app:latest", "two")
    assert deploy(composed, second, pull=True)["state"] == "running"
    assert says() == "two"

    # Even if somebody has cleaned up: the registry still knows the digest.
    tags = containers.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    containers.podman("image", "rm", "--force", *(tag for tag in tags if first["release_id"] in tag))
    switch(composed, first)
    assert act(composed, "restarted", first)["state"] == "running"
    assert says() == "one"
    assert containers.podman("run", "--rm", "--pull", "never", name, "cat", "/version") == "two"


def test_images_are_built_and_go_with_the_last_release_that_used_them(composed: Estate, containers: Containers) -> None:
    services = f"services:\n  web:\n    build: .\n{COMMON}"
    refused = act(composed, "built", stage(composed, 1, services, Containerfile=f"FROM {BASE}\n"))
    assert "building is off: set build: true" in refused["msg"]
    ids = []
    for number in (2, 3):
        files = {"Containerfile": f"FROM {BASE}\nCOPY version /version\n", "version": f"build {number}"}
        release = stage(composed, number, services, **files)
        ids.append(act(composed, "built", release, build=True)["images"][0]["id"])
    switch(composed, release)

    compose = {"project": project(composed)}
    prune = {"app_path": str(composed.app), "keep": 1, "compose": compose}
    would = perform("prune", prune, path=composed.path, check=True)
    assert [bool(containers.image(each)) for each in ids] == [True, True]
    pruned = perform("prune", prune, path=composed.path)
    assert pruned["images_removed"] == would["images_removed"] != []
    assert [bool(containers.image(each)) for each in ids] == [False, True]
    assert perform("prune", prune, path=composed.path)["changed"] is False


def test_containers_that_do_not_stay_up_fail_with_their_last_words(composed: Estate, containers: Containers) -> None:
    ends = f"  bad:\n    image: {BASE}\n{COMMON}    command: [sh, -c, 'echo the port is taken >&2; exit 3']\n"
    failed = deploy(composed, stage(composed, 1, SERVICES + ends))
    assert failed["failed"]
    assert "bad has ended with exit code 3" in failed["msg"]
    assert "bad | the port is taken" in failed["msg"]
    assert "web |" not in failed["msg"]
    assert "bad has ended" in ask(composed, timeout_seconds=0)["msg"]


def test_service_that_may_end_is_no_failure(composed: Estate, containers: Containers) -> None:
    release = stage(composed, 1, SERVICES + f"  init:\n    image: {BASE}\n{COMMON}    command: ['true']\n")
    failed = deploy(composed, release)
    assert "init has ended with exit code 0 (if it should, name it in one_shot)" in failed["msg"]
    started = act(composed, "restarted", release, one_shot=["init"])
    assert started["state"] == "running", started
    assert ask(composed, one_shot=["init"])["evidence"] == "containers"


def test_unhealthy_container_is_told_by_what_it_says(composed: Estate, containers: Containers) -> None:
    check = "    healthcheck:\n      test: [CMD, cat, /tmp/ready]\n      interval: 1s\n      retries: 2\n"
    says = "    command: [sh, -c, 'echo no database; exec sleep 1000']\n"
    failed = deploy(composed, stage(composed, 1, SERVICES + says + check))
    assert "web is unhealthy" in failed["msg"]
    assert "web | no database" in failed["msg"]
    (container,) = containers.names(project(composed))
    containers.podman("exec", container, "sh", "-c", "mkdir -p /tmp; echo >/tmp/ready")
    assert ask(composed, timeout_seconds=30)["healthy"]


@pytest.mark.parametrize(
    ("compose", "said"),
    [
        ("services: [web]\n", "compose.yaml is refused"),
        ("services: {}\n", "compose.yaml has no services"),
        ("services:\n  web:\n    image: localhost/nowhere:1\n", "image localhost/nowhere:1 could not be pulled"),
    ],
)
def test_compose_file_that_cannot_be_used_is_told(
    composed: Estate, containers: Containers, compose: str, said: str
) -> None:
    assert said in act(composed, "built", stage(composed, 1, compose))["msg"]


def test_secrets_of_the_environment_are_not_in_the_result(composed: Estate, containers: Containers) -> None:
    services = SERVICES + "    environment:\n      TOKEN: ${TOKEN}\n"
    started = deploy(composed, stage(composed, 1, services), environment={"TOKEN": "s3cret-canary"}, diff=True)
    assert started["state"] == "running"
    assert "s3cret-canary" not in json.dumps(started)
    (container,) = containers.names(project(composed))
    assert "TOKEN=s3cret-canary" in containers.podman("inspect", container, "--format", "{{.Config.Env}}")


DOCKER = """\
#!/bin/sh
printf '%s\\n' "$*" >>{log}
case "$*" in
  *' config') printf 'name: x\\nservices:\\n  web:\\n    image: registry.example/app:1\\nnetworks: {{}}\\n' ;;
  'image inspect --format {{{{.Id}}}} '*) echo sha256:0123456789abcdef ;;
  *RepoDigests*) echo registry.example/app@sha256:fedcba ;;
  'ps --all'*) test ! -e {log}.up || echo c1 ;;
  'container inspect'*) echo 'web running healthy 0 sha256:0123456789abcdef c1 0 False' ;;
  *' up '*) touch {log}.up ;;
esac
"""


def test_docker_is_told_what_its_documentation_asks_for(estate: Estate) -> None:
    """No engine of Docker's runs here: a stand-in for its binary notes what it is asked, and answers as Docker does."""
    estate.variables["fraisier_docker_compose_project"] = "web"
    log, tools = estate.folder / "docker.log", estate.folder / "bin"
    tools.mkdir()
    (tools / "docker").write_text(DOCKER.format(log=log))
    (tools / "docker").chmod(0o755)
    estate.path = f"{tools}:{os.environ['PATH']}"
    release = stage(estate, 1, SERVICES)
    assert deploy(estate, release, pull=True)["state"] == "running"
    image = "localhost/fraisier/web-"
    asked = [
        line.split(image)[0]
        for line in log.read_text().splitlines()
        if not line.startswith(("image", "compose version"))
    ]
    folder = estate.release(release["release_id"])
    assert asked == [
        "compose -p web -f compose.yaml config",
        "pull --quiet registry.example/app:1",
        "tag 0123456789abcdef ",
        "ps --all --quiet --no-trunc --filter label=com.docker.compose.project=web",
        f"compose -p web -f compose.yaml -f {folder}/.fraisier/compose.yaml up --detach --no-build --remove-orphans -t 1",
        *(asked[5:]),
    ]
    assert set(asked[5:]) == {
        "ps --all --quiet --no-trunc --filter label=com.docker.compose.project=web",
        next(line for line in asked if line.startswith("container inspect")),
    }
    (pin,) = (folder / ".fraisier" / "images").read_text().splitlines()
    assert pin == "web 0123456789abcdef registry.example/app:1 registry.example/app@sha256:fedcba"
    assert ask(estate, "preflight")["problems"] == []
