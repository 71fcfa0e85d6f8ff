"""What the policies of an environment say to a request. Pure: settings, facts and the time in, a verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from fraisier.batches import count
from fraisier.fraise_types.windows import open_at
from fraisier.vocabulary import Kind, Trigger

if TYPE_CHECKING:
    from fraisier.fraise_types.policies import Freeze, Policies

SUDO = " (sudo)"
PEOPLE = (Trigger.MANUAL, Trigger.API)
"""Triggers whose actors are named without the trigger; what a git service calls somebody proves nothing here."""


@dataclass(frozen=True)
class Consent:
    """An approval of exactly what is asked for: not expired and not used."""

    id: str
    actor: str
    trigger: Trigger = Trigger.MANUAL


@dataclass(frozen=True)
class Request:
    """What somebody wants to do to a target, as far as policies ask.

    ``hosts`` of the target's ``all_hosts`` are changed. ``subject`` is what an approval must be for, '' before that is known: then nobody's
    consent is asked. ``is_on_branch``: whether the commit is part of ``required_branch``; None where it is not known yet, or was taken from
    it. ``continues``: goes on with what was begun, or settles what hosts owe. ``override`` is the reason of an emergency.
    """

    kind: Kind
    actor: str
    trigger: Trigger
    hosts: int = 1
    all_hosts: int = 1
    subject: str = ""
    detail: str = ""
    consents: tuple[Consent, ...] = ()
    is_on_branch: bool | None = None
    continues: bool = False
    override: str = ""


@dataclass(frozen=True)
class Objection:
    """``rule`` is the setting that objects, ``text`` why. ``until``: it does not any more from then on (aware, UTC)."""

    rule: str
    text: str
    until: datetime | None = None

    @property
    def passes(self) -> bool:
        """Whether it goes away without another request: with time, or by somebody's consent."""
        return self.until is not None or self.rule == "approvals"


@dataclass(frozen=True)
class Verdict:
    """Allowed when there is no objection. ``lifted`` are those that an emergency overrides; ``uses`` the ids of the approvals it takes."""

    objections: tuple[Objection, ...] = ()
    lifted: tuple[Objection, ...] = ()
    uses: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        return not self.objections


def judge(policy: Policies, request: Request, now: datetime) -> Verdict:
    """Whether ``request`` may be carried out at ``now`` (aware)."""
    who = tuple(_not_allowed(policy, request))
    if request.continues or who:
        return Verdict(who)
    found = [*_branch(policy, request), *_hosts(policy, request), *_frozen(policy, request, now)]
    consent = consented(policy, replace(request, override=""), required(policy, request.kind))
    return _lifted(policy, request, replace(consent, objections=(*found, *consent.objections)))


def consented(policy: Policies, request: Request, needed: int) -> Verdict:
    """Whether ``needed`` people have approved what is asked for."""
    if not request.subject:
        return Verdict()
    found = _valid(policy, request)
    if (missing := needed - len(found)) > 0:
        number, verb = ("an approval", "is") if missing == 1 else (f"{missing} approvals", "are")
        text = f"{number} of {request.detail or request.subject} {verb} missing"
        return _lifted(policy, request, Verdict((Objection("approvals", text),)))
    return Verdict(uses=tuple(each.id for each in found[:needed]))


def _lifted(policy: Policies, request: Request, verdict: Verdict) -> Verdict:
    """The verdict in an emergency: objections do not count, and are remembered, when the actor may lift them."""
    if not request.override or verdict.is_allowed:
        return verdict
    if is_named(policy.override_actors, request.actor, request.trigger):
        return Verdict(lifted=verdict.objections)
    refused = Objection("override_actors", f"{_name(request.actor)} may not override policies")
    return Verdict((refused, *verdict.objections))


def required(policy: Policies, kind: Kind) -> int:
    """How many people must approve something of this kind."""
    approvals = policy.approvals
    if kind not in approvals.kinds:
        return 0
    if approvals.required is None:
        return 1 if policy.protected and not policy.allowed_actors else 0
    return approvals.required


def asks_what(policy: Policies, kind: Kind) -> bool:
    """Whether it matters what exactly is asked for, and not only who asks and when."""
    return bool(required(policy, kind)) or policy.required_branch is not None


def may_approve(policy: Policies, asked_by: str, actor: str, trigger: Trigger) -> Objection | None:
    """Why ``actor`` may not approve what ``asked_by`` wants; None when he may."""
    if is_same(asked_by, actor):
        return Objection("approvals", f"{_name(actor)} has asked for it: somebody else must approve")
    if policy.approvals.by and not is_named(policy.approvals.by, actor, trigger):
        return Objection("approvals", f"{_name(actor)} may not approve here: {', '.join(policy.approvals.by)} may")
    return None


def is_named(patterns: Iterable[str], actor: str, trigger: Trigger) -> bool:
    """Whether one of ``patterns`` (``alice``, ``ops-*``, ``webhook:octocat``) means this actor."""
    name = _name(actor)
    for pattern in patterns:
        before, colon, after = pattern.partition(":")
        if fnmatchcase(name, after if colon else pattern) and (trigger == before if colon else trigger in PEOPLE):
            return True
    return False


def is_same(one: str, other: str) -> bool:
    """Whether two names may be one person's; in doubt they are."""
    return _name(one).casefold() == _name(other).casefold()


def _name(actor: str) -> str:
    return actor.removesuffix(SUDO).strip()


def _not_allowed(policy: Policies, request: Request) -> Iterator[Objection]:
    if policy.allowed_actors and not is_named(policy.allowed_actors, request.actor, request.trigger):
        here = "" if request.trigger in PEOPLE else f" ({request.trigger})"
        allowed = ", ".join(policy.allowed_actors)
        who = _name(request.actor) or "nobody in particular"
        yield Objection("allowed_actors", f"{who}{here} is not among allowed_actors ({allowed})")


def _branch(policy: Policies, request: Request) -> Iterator[Objection]:
    if policy.required_branch and request.is_on_branch is False:
        yield Objection("required_branch", f"the commit is not part of the branch {policy.required_branch}")


def _hosts(policy: Policies, request: Request) -> Iterator[Objection]:
    if policy.max_hosts is None or request.kind is not Kind.DEPLOY:
        return
    most = count(policy.max_hosts, request.all_hosts)
    if request.hosts > most:
        yield Objection("max_hosts", f"it would change {request.hosts} hosts, and max_hosts is {policy.max_hosts}")


def _frozen(policy: Policies, request: Request, now: datetime) -> Iterator[Objection]:
    windows = [each for each in policy.freeze if request.kind in each.kinds]
    found = [each for each in windows if each.window.around(now)]
    if not found:
        return
    until = open_at([each.window for each in windows], now)
    reasons = "; ".join(dict.fromkeys(each.reason for each in found if each.reason))
    why = f": {reasons}" if reasons else ""
    yield Objection("freeze", f"frozen until {_wall(until, found[0])}{why}", until)


def _wall(moment: datetime, freeze: Freeze) -> str:
    """As the clock of the freeze shows it."""
    return f"{moment.astimezone(ZoneInfo(freeze.timezone)):%a %Y-%m-%d %H:%M} {freeze.timezone}"


def _valid(policy: Policies, request: Request) -> Sequence[Consent]:
    """One consent of each person who may give it."""
    people: dict[str, Consent] = {}
    for each in request.consents:
        if may_approve(policy, request.actor, each.actor, each.trigger) is None:
            people.setdefault(_name(each.actor).casefold(), each)
    return list(people.values())
