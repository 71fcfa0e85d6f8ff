"""The load balancer in a plan: what role lb reads, and balancers that are in the inventory and nobody deploys to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fraisier.compile import Move, config_hash, deploy_plan, rollback_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError
from fraisier.plan import Plan, Release
from fraisier.run import project

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    app_path: /srv/my_api
    service: {exec: app}
    health_check: {url: "http://127.0.0.1:8000/health", version_json: version}
    environments:
      production:
        hosts: [web1, {name: web2, address: 192.0.2.2}, {name: web3, address: "2001:db8::3"}]
        load_balancer: %s
environments:
  production:
    user: deploy
"""
HAPROXY = "{manager: haproxy, backend: api, hosts: [{name: lb1, user: root}], servers: {web2: app-2}}"
NGINX = "{manager: nginx, port: 8000, upstream_file: /etc/nginx/api.servers, hosts: [web1]}"


def resolved(folder: Path, balancer: str) -> ResolvedFraise:
    path = folder / "fraises.yaml"
    path.write_text(CONFIG % balancer)
    return FraisierConfig(path, environ={}).get_fraise_environment("my_api", "production")


def compiled(folder: Path, balancer: str) -> Plan:
    return deploy_plan(resolved(folder, balancer), RELEASE)


def servers(plan: Plan) -> list[Any]:
    return [host["fraisier_lb_server"] for host in plan.hosts.values()]


def test_without_a_load_balancer_the_phases_are_empty(tmp_path: Path) -> None:
    plan = compiled(tmp_path, "null")
    assert plan.variables["fraisier_lb_manager"] == "none"
    assert not plan.helpers
    assert not plan.play_variables()
    assert list(plan.inventory()["all"]) == ["hosts", "vars"]


def test_haproxy_knows_hosts_by_their_names_or_as_told(tmp_path: Path) -> None:
    plan = compiled(tmp_path, HAPROXY)
    assert servers(plan) == ["web1", "app-2", "web3"]
    assert plan.variables["fraisier_lb_hosts"] == ["lb1"]
    assert plan.variables["fraisier_lb_become"] is True


def test_nginx_knows_hosts_by_address_and_port(tmp_path: Path) -> None:
    plan = compiled(tmp_path, NGINX)
    assert (
        servers(plan) == plan.variables["fraisier_lb_servers"] == ["web1:8000", "192.0.2.2:8000", "[2001:db8::3]:8000"]
    )


def test_each_host_may_have_its_own_balancer(tmp_path: Path) -> None:
    plan = compiled(tmp_path, "{manager: nginx, port: 8000, upstream_file: /etc/nginx/api.servers}")
    assert servers(plan) == ["127.0.0.1:8000"] * 3
    assert not {"fraisier_lb_hosts", "fraisier_lb_servers"} & set(plan.variables)


def test_a_balancer_is_in_the_inventory_and_no_play_addresses_it(tmp_path: Path) -> None:
    plan = compiled(tmp_path, HAPROXY)
    assert plan.helpers["lb1"].items() >= {"ansible_host": "lb1", "ansible_user": "root"}.items()
    inventory = plan.inventory()["all"]
    assert set(inventory["hosts"]) == {"web1", "web2", "web3", "lb1"}
    assert set(inventory["children"]["fraisier_targets"]["hosts"]) == {"web1", "web2", "web3"}
    assert plan.play_variables() == {"fraisier_hosts": "fraisier_targets"}
    assert plan.snapshot()["helpers"] == plan.helpers
    other = compiled(tmp_path, HAPROXY.replace("user: root", "user: admin"))
    assert (plan.hash, plan.config_hash) != (other.hash, other.config_hash)
    assert plan.config_hash == config_hash(resolved(tmp_path, HAPROXY))


def test_a_host_that_is_also_the_balancer_stays_in_the_inventory_when_it_takes_no_part(tmp_path: Path) -> None:
    plan = compiled(tmp_path, NGINX)
    assert not plan.helpers
    limited = plan.limited(["web2"])
    assert (set(limited.hosts), set(limited.helpers)) == ({"web2"}, {"web1"})
    back = rollback_plan(resolved(tmp_path, NGINX), Move(hosts={"web3": RELEASE}))
    assert (set(back.hosts), set(back.helpers)) == ({"web3"}, {"web1"})


def test_the_rendered_project_addresses_the_hosts_alone(tmp_path: Path) -> None:
    (tmp_path / "drain.yml").write_text("[]\n")
    own = "{manager: tasks, drain: drain.yml, reattach: drain.yml, hosts: [lb1]}"
    project.render(compiled(tmp_path, own), tmp_path / "out")
    (play,) = yaml.safe_load((tmp_path / "out" / "site.yml").read_text())
    assert play["vars"]["fraisier_hosts"] == "fraisier_targets"
    tasks = yaml.safe_load((tmp_path / "out" / "inventory" / "hosts.yml").read_text())["all"]["vars"][
        "fraisier_lb_tasks"
    ]
    assert tasks["drain"].endswith("/hooks/drain.yml")
    assert (tmp_path / "out" / "hooks" / "drain.yml").exists()


@pytest.mark.parametrize(
    ("balancer", "says"),
    [
        ("{backend: api}", "manager is missing"),
        ("{manager: haproxy}", "backend is missing"),
        ("{manager: haproxy, backend: 'a;b'}", "expected the name of a HAProxy backend"),
        ("{manager: nginx, port: 80}", "upstream_file is missing"),
        ("{manager: nginx, upstream_file: /a, servers: {web1: 'a:1'}}", "port is missing"),
        ("{manager: tasks, drain: no.yml}", "reattach is missing"),
        ("{manager: tasks, drain: no.yml, reattach: no.yml}", "there is no file 'no.yml'"),
        ("{manager: haproxy, backend: api, servers: {web4: x}}", "there is no such host"),
    ],
)
def test_what_is_missing_or_wrong_is_told(balancer: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        compiled(tmp_path, balancer)
    assert says in str(told.value)
