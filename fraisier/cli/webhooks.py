"""`fraisier webhooks ...`: what was received, deciding on it again, and trying a hook."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from fraisier.cli.deploy import actor
from fraisier.cli.options import as_json, load_config, print_json, since_option
from fraisier.errors import TargetUnreachable, UsageError
from fraisier.show.text import counted

if TYPE_CHECKING:
    from fraisier.deliveries.desk import Desk
    from fraisier.deliveries.hooks import Hook

TEST_BRANCH = "fraisier-webhooks-test"
TEST_COMMIT = "f" * 40
TIMEOUT_SECONDS = 10
_COLOURS = {"accepted": "green", "ignored": "yellow", "refused": "red"}


@click.group()
def webhooks() -> None:
    """Look at received webhooks, decide on one again, try a hook."""


@webhooks.command("list")
@click.option("--hook", help="Only of this hook; that of a provider is called git.<provider>.")
@click.option("--decision", type=click.Choice(["accepted", "ignored"]), help="Only with this decision.")
@click.option("--repository", metavar="OWNER/NAME", help="Only of this repository.")
@since_option
@click.option("--limit", "-n", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@as_json
def list_webhooks(
    *,
    hook: str | None,
    decision: str | None,
    repository: str | None,
    since: timedelta | None,
    limit: int,
    as_json: bool,
) -> None:
    """List received webhooks, newest first."""
    from fraisier.record import read
    from fraisier.record.ledger import Ledger

    moment = datetime.now(UTC) - since if since else None
    with Ledger() as ledger:
        found = read.recent_webhooks(
            ledger, hook=hook, decision=decision, repository=repository, since=moment, limit=limit
        )
    if as_json:
        print_json({"webhooks": [_data(event) for event in found]})
    elif not found:
        click.echo("no webhooks yet")
    else:
        _print(found)


@webhooks.command()
@click.argument("event")
@as_json
def show(event: str, *, as_json: bool) -> None:
    """Show one received webhook: every branch that it moved, what was decided and why."""
    from fraisier.record import deliveries
    from fraisier.record.ledger import Ledger

    with Ledger() as ledger:
        found = deliveries.find(ledger, event)
    if as_json:
        print_json({"webhook": {**_data(found), "payload": found.payload}})
        return
    for name, value in _data(found).items():
        if value not in ("", None):
            click.echo(f"{name:14} {value}")
    for ref in found.payload.get("refs", []):
        what = ref.get("branch") or ref.get("tag") or "-"
        said = ", ".join(ref.get("targets") or []) or ref.get("reason") or "nothing"
        click.echo(f"{ref.get('kind', ''):14} {what} {ref.get('commit', '')[:10]}: {said}")
    for deployment in found.payload.get("deployments", []):
        click.echo(f"{'deployment':14} {deployment}")
    if found.payload.get("replay_of"):
        click.echo(f"{'replay of':14} {found.payload['replay_of']}")


@webhooks.command()
@click.argument("event")
@as_json
@click.pass_context
def replay(ctx: click.Context, /, event: str, *, as_json: bool) -> None:
    """Decide on a received webhook again, by today's fraises.yaml, and deploy what it asks for.

    What is deployed is the newest commit of the branch, as always. A worker must be running.
    """
    from fraisier.deliveries.replay import replay as decide_again
    from fraisier.record.ledger import Ledger

    desk = _desk(ctx)
    with Ledger() as ledger:
        receipt = decide_again(ledger, desk, event, actor=actor())
    if as_json:
        print_json({"webhook": vars(receipt)})
        return
    click.echo(
        f"{click.style(receipt.decision, fg=_COLOURS[receipt.decision])}: {receipt.reason or 'deployments follow'}"
    )
    for deployment in receipt.deployments:
        click.echo(f"  {deployment}")


@webhooks.command("test")
@click.argument("hook")
@click.option("--branch", default=TEST_BRANCH, help="Push to this branch. Default: one that nothing is deployed from.")
@click.option("--repository", metavar="OWNER/NAME", help="Push to this repository. Default: the hook's first.")
@click.option("--url", metavar="URL", help="Where the server is (default: server.host and server.port).")
@as_json
@click.pass_context
def test_hook(
    ctx: click.Context, /, hook: str, *, branch: str, repository: str | None, url: str | None, as_json: bool
) -> int:
    """Sign a push as the provider would, post it to the running server, and say what came back.

    HOOK is a name below hooks, or a provider. Nothing is deployed unless --branch names a branch that is. Exits with 0 when the server
    took the push, 1 when it refused.
    """
    desk = _desk(ctx)
    found = desk.named(hook)
    if found is None:
        known = ", ".join(each.name for each in desk.hooks.all()) or "none"
        raise UsageError(f"there is no hook {hook!r} with a secret", hint=f"known hooks: {known}")
    names = [repository] if repository else list(found.repositories)
    if not names:
        raise UsageError(f"{found.name} speaks for no repository", hint="name one with --repository")
    settings = desk.settings
    host = settings.host if settings.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - compared, not bound
    base = url or f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    results = [_tried(found, secret, names[0], branch, base) for secret in found.secrets]
    if as_json:
        print_json({"hook": found.name, "url": base + found.path, "results": results})
    else:
        for number, result in enumerate(results, start=1):
            which = f" (secret {number} of {len(results)})" if len(results) > 1 else ""
            is_good = result["status"] < 300
            said = click.style("ok" if is_good else "refused", fg="green" if is_good else "red")
            click.echo(f"{said}{which}: {base}{found.path} answered {result['status']} {_meaning(result)}")
    return 0 if all(result["status"] < 300 for result in results) else 1


def _tried(hook: Hook, secret: str, repository: str, branch: str, base: str) -> dict[str, Any]:
    from fraisier.deliveries.sample import known_providers, sample_push

    if hook.provider not in known_providers():
        raise UsageError(f"how {hook.provider} signs is not known here", hint="send a test from the provider itself")
    sample = sample_push(hook.provider, repository, branch, TEST_COMMIT, secret)
    address = base.rstrip("/") + hook.path
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"{address} is no http address")
    request = urllib.request.Request(address, data=sample.body, headers=dict(sample.headers), method="POST")  # noqa: S310 - just checked
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - just checked
            return {"status": answer.status, "answer": _document(answer.read())}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "answer": _document(error.read())}
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise TargetUnreachable(
            f"no server answers at {base}: {reason}", hint="is `fraisier serve` running? name it with --url"
        ) from None


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")[:200]


def _meaning(result: dict[str, Any]) -> str:
    answer = result["answer"] if isinstance(result["answer"], dict) else {}
    if result["status"] == 202 and answer.get("deployments"):
        return f"accepted: {counted(len(answer['deployments']), 'deployment')} asked for"
    if answer.get("status") == "ignored":
        return f"signature and repository are right; not deployed: {answer.get('reason', '')}"
    if answer.get("status") == "duplicate":
        return f"it was received before, as {answer.get('of', '')}"
    return str(answer.get("error") or result["answer"])


def _desk(ctx: click.Context) -> Desk:
    from fraisier.deliveries.desk import Desk

    return Desk(load_config(ctx))


def _print(found: list[Any]) -> None:
    from fraisier.show.text import age, commit, short, table

    headers = ("ID", "WHEN", "HOOK", "DECISION", "WHAT WAS PUSHED")
    now = datetime.now(UTC)
    rows = []
    for event in found:
        pushed = " ".join(filter(None, (event.repository, event.branch, commit(event.commit_sha)[:7])))
        by = f" by {event.sender}" if event.sender else ""
        outcome = event.reason or (f"deployment {short(event.deployment_id)}" if event.deployment_id else "")
        rows.append(
            (short(event.id), age(event.received_at, now), event.hook, event.decision, f"{pushed}{by}: {outcome}")
        )
    for line in table(headers, rows).splitlines():
        word = next((word for word in _COLOURS if f" {word} " in line), "")
        click.echo(line.replace(f" {word} ", f" {click.style(word, fg=_COLOURS[word])} ", 1) if word else line)


def _data(event: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(event).items() if name not in ("pk", "payload", "is_duplicate")}
