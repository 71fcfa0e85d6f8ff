"""`fraisier bootstrap`: bare servers become hosts that can be deployed to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.options import as_json, load_config, print_json, target_arguments
from fraisier.errors import DeploymentFailed, FraisierError, UsageError
from fraisier.vocabulary import Event, EventKind

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.plan import Plan

USUAL_KEYS = ("~/.ssh/id_ed25519.pub", "~/.ssh/id_ecdsa.pub", "~/.ssh/id_rsa.pub")


@click.command()
@target_arguments
@click.option(
    "--user", default="root", show_default=True, metavar="NAME", help="Who gets in now: root, or may use sudo."
)
@click.option("--ask-pass", is_flag=True, help="Ask for the password of that user.")
@click.option("--ask-become-pass", is_flag=True, help="Ask for its password for sudo.")
@click.option(
    "--key", "keys", multiple=True, metavar="FILE", help="Public key that may deploy (default: that of ssh_key)."
)
@click.option("--install", is_flag=True, help="Install git, tar, python3 and sudo where they are missing (apt-get).")
@click.option("--accept-new-host-keys", is_flag=True, help="Believe hosts whose key is not known, without asking.")
@click.option("--limit", metavar="HOSTS", help="Only these hosts: names, patterns, @groups or label=value, by commas.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; nothing is changed on the hosts.")
@click.option("--diff", is_flag=True, help="Show what changes; alone it implies --dry-run.")
@as_json
@click.pass_context
def bootstrap(ctx: click.Context, /, fraise: str, environment: str, *, as_json: bool, **asked: Any) -> int:
    """Make bare servers ready: user, key, folder, sudo or lingering, host key.

    What is needed follows from the configuration: units of the system need a sudo rule, which is as much as being root; units in scope user
    need lingering and no sudo. It can be run again at any time, and changes only what is missing.
    """
    from fraisier.estate import located, selected
    from fraisier.hostkeys import unknown_keys
    from fraisier.prepare import Preparing, bootstrap_plan

    config = load_config(ctx)
    resolved = located(config.get_fraise_environment(fraise, environment), config.environ)
    names = selected(resolved, asked["limit"])
    hosts = tuple(host for host in resolved.settings.hosts if host.name in names)
    resolved = _with(resolved, hosts)
    keys = tuple(key for file in asked["keys"] or _key_files(resolved) for key in _keys(Path(file)))
    passwords = _passwords(asked)
    plan = bootstrap_plan(resolved, Preparing(asked["user"], keys, asked["install"], frozenset(passwords)))
    for unknown in unknown_keys(plan, config.environ, resolved.estate.peers if resolved.estate else None):
        click.echo(f"the key of {unknown.name} is not known on this machine:", err=True)
        click.echo("".join(f"  {text}\n" for text in unknown.fingerprints), nl=False, err=True)
        _confirm(unknown.name, accept=asked["accept_new_host_keys"])
        unknown.record()
        click.echo(f"written to {unknown.file}", err=True)
    is_trial = asked["dry_run"] or asked["diff"]
    results = _run(resolved, plan, passwords, config.environ, check=is_trial, diff=asked["diff"], quiet=as_json)
    found = [] if is_trial else _looked_at(resolved, config.environ)
    if as_json:
        print_json({"bootstrap": {"dry_run": is_trial, "hosts": results, "doctor": found}})
    else:
        _print(results, found, is_trial=is_trial)
    return 4 if any(each["check"] == "ssh" and each["state"] == "problem" for each in found) else 0


def _with(resolved: ResolvedFraise, hosts: tuple[Any, ...]) -> ResolvedFraise:
    from dataclasses import replace

    return replace(resolved, settings=resolved.settings.model_copy(update={"hosts": hosts}))


def _key_files(resolved: ResolvedFraise) -> list[str]:
    """Public keys beside the private ones that deployments use; else what this account has."""
    private = [host.ssh_key or resolved.settings.ssh_key for host in resolved.settings.hosts]
    if any(private):
        return sorted({str(resolved.root / Path(f"{path}.pub").expanduser()) for path in private if path})
    found = [str(path) for name in USUAL_KEYS if (path := Path(name).expanduser()).is_file()]
    if not found:
        raise UsageError(
            "there is no public key to authorize", hint="make one with ssh-keygen, or name one: --key FILE"
        )
    return found[:1]


def _keys(file: Path) -> list[str]:
    try:
        lines = file.expanduser().read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"cannot read the public key {file}", hint="name it: --key FILE") from None
    if any("PRIVATE KEY" in line for line in lines):
        raise UsageError(f"{file} is a private key", hint=f"its public one is usually {file}.pub")
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _passwords(asked: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    if asked["ask_pass"]:
        found["password"] = click.prompt(f"password of {asked['user']}", hide_input=True, err=True)
    if asked["ask_become_pass"]:
        found["become_password"] = click.prompt(f"password of {asked['user']} for sudo", hide_input=True, err=True)
    return found


def _confirm(name: str, *, accept: bool) -> None:
    if accept:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"the key of {name} is not known", hint="answer at a terminal, or give --accept-new-host-keys")
    click.confirm("is this the key that the server's console or your provider shows?", abort=True, err=True)


def _run(
    resolved: ResolvedFraise,
    plan: Plan,
    passwords: Mapping[str, str],
    environ: Mapping[str, str],
    *,
    check: bool,
    diff: bool,
    quiet: bool,
) -> dict[str, dict[str, Any]]:
    """What each host says was done. Raises the error of the first that has not proven that it is ready."""
    from fraisier.bound import diff_text
    from fraisier.evidence import Evidence
    from fraisier.prepare import PASSWORDS
    from fraisier.run import Options, Runner
    from fraisier.secrets.keyring import Keyring

    evidence, results = Evidence(plan.hosts), dict[str, dict[str, Any]]()
    secrets = {PASSWORDS[name]: value for name, value in passwords.items()}
    secrets |= Keyring(environ).reveal({name: secret for name, secret in plan.secrets.items() if name not in secrets})
    with Runner(environ, resolved.settings.inventory_environment) as runner:
        for event in runner.run(plan, secrets, Options(check=check, diff=diff)):
            evidence.see(event)
            if event.kind is EventKind.OK and event.own == "bootstrap":
                results[event.host] = _result(event)
                if diff and not quiet:
                    click.echo(diff_text(event.result.get("diff") or []), nl=False)
        error = evidence.judge(plan, runner.outcome, expect_release={})
    missing = [name for name in plan.hosts if name not in results]
    if error is None and missing:
        error = DeploymentFailed(f"{missing[0]}: gave no answer")
    if error:
        _print(results, [], is_trial=check)
        raise error
    return results


def _result(event: Event) -> dict[str, Any]:
    result = event.result
    return {
        "changed": event.changed,
        "did": list(result.get("did") or ()),
        "missing": list(result.get("missing") or ()),
    }


def _looked_at(resolved: ResolvedFraise, environ: Mapping[str, str]) -> list[dict[str, str]]:
    """What `fraisier doctor` finds on these hosts, reached as deployments will: as the user that was made, with its key."""
    from fraisier.checkup import examine

    try:
        return [vars(finding) for finding in examine(resolved, environ)]
    except FraisierError as error:
        hosts = [host.name for host in resolved.settings.hosts]
        return [
            {"host": name, "check": "ssh", "state": "problem", "message": error.message, "hint": error.hint or ""}
            for name in hosts
        ]


def _print(results: Mapping[str, Mapping[str, Any]], found: list[dict[str, str]], *, is_trial: bool) -> None:
    for host, result in results.items():
        state = ("would change" if is_trial else "changed") if result["changed"] else "ready already"
        click.echo(f"{host}: {state}" + "".join(f"\n  {text}" for text in result["did"]))
        for tool in result["missing"]:
            click.echo(
                click.style(f"  {tool} is missing: install it, or run this with --install", fg="yellow"), err=True
            )
    for host in dict.fromkeys(each["host"] for each in found):
        well = [each["check"] for each in found if each["host"] == host and each["state"] == "ok"]
        click.echo(f"{host}: {click.style('ok', fg='green')}: {', '.join(well)}")
    for each in found:
        if each["state"] != "ok":
            hint = f"\n  -> {each['hint']}" if each["hint"] else ""
            click.echo(f"{each['host']}: {each['state']}: {each['check']}: {each['message']}{hint}", err=True)
    if is_trial:
        click.echo("nothing was changed")
