"""The risk gate: pending migrations are graded, and whether they may be applied is decided, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from fraisier import bound, policy
from fraisier.errors import MigrationsRefused
from fraisier.plan import digest
from fraisier.risk import Answer, Grade, answer
from fraisier.vocabulary import Kind, Phase

if TYPE_CHECKING:
    from fraisier.fraise_types.settings import Placement
    from fraisier.plan import Plan
    from fraisier.record.rows import StoredPlan
    from fraisier.work import Work

NOT_NAMED = {"name": "what is pending", "grade": Grade.UNKNOWN.value, "why": "its tool cannot name it"}


def decide(work: Work, plan: Plan, planned: StoredPlan | None) -> Plan:
    """``plan`` held to the migrations that may be applied; as it is when they can be told only once the release is built.

    Asks one host, in check mode, unless the plan that is carried out has asked already. Raises MigrationsRefused, or ApprovalNeeded.
    """
    if not _is_judged(work, plan):
        return plan
    if replaces(plan):
        return _judged(work, plan, replacing(plan), planned)
    if work.old is None:
        return plan
    known = planned.findings.get("migration") if planned else None
    found = known if known and "grades" in known else _look(work, plan) or {}
    return _judged(work, plan, found, planned) if found.get("known") else plan


def is_open(work: Work, plan: Plan) -> bool:
    """Whether there may be migrations that nobody has judged, where somebody has to."""
    return _is_judged(work, plan) and not plan.variables.get("fraisier_migrate_bound") and not replaces(plan)


def replaces(plan: Plan) -> bool:
    """Whether what is in the database is lost, whatever is pending."""
    return bool(plan.variables.get("fraisier_replace_by"))


def replacing(plan: Plan) -> dict[str, Any]:
    """That as a finding; migrations that follow it touch nothing but what takes its place, and are not graded."""
    return {"known": False, "grades": [bound.replacing(plan.variables["fraisier_replace_by"])]}


def decide_staged(work: Work, plan: Plan) -> Plan:
    """The same with the release on its hosts. Where even that look fails, nothing may be applied: the phase itself says why."""
    found = _look(work, plan)
    if found is None:
        return bound.held(plan, {"known": True, "pending": []})
    return _judged(work, plan, found)


def answers(grades: Sequence[Mapping[str, Any]], settings: Placement) -> list[Answer]:
    """What is done about each migration: as the environment wishes, else as usual; all are applied where nothing is judged."""
    if not _judges(settings):
        return ["apply"] * len(grades)
    return [answer(Grade(each["grade"]), settings.risk) for each in grades]


def _judges(settings: Placement) -> bool:
    return bool(settings.risk) or settings.protected


def _is_judged(work: Work, plan: Plan) -> bool:
    return _judges(work.resolved.settings) and bool(plan.variables.get("fraisier_migrate_tool"))


def _look(work: Work, plan: Plan) -> dict[str, Any] | None:
    """What the host says that migrates; None when it could not be asked."""
    found, error = bound.look(
        replace(plan, hosts=dict([next(iter(plan.hosts.items()))])), work.runner, work.keyring, phases=(Phase.MIGRATE,)
    )
    return None if error else found["migration"]


def _judged(work: Work, plan: Plan, found: Mapping[str, Any], planned: StoredPlan | None = None) -> Plan:
    """``planned``: who approved that plan has approved its migrations, too."""
    grades = found["grades"] if found["known"] or replaces(plan) else [NOT_NAMED]
    decided = list(zip(grades, answers(grades, work.resolved.settings), strict=True))
    if denied := [each for each, decision in decided if decision == "deny"]:
        _refuse(work, denied)
    is_approved = planned is not None and policy.required(work.resolved.settings, Kind.DEPLOY) > 0
    asked = [each for each, decision in decided if decision == "ask"]
    if asked and not is_approved:
        work.listener.note(f"{work.target}: {_told(asked)}")
        named = ", ".join(f"{each['name']} ({each['grade']})" for each in asked)
        what = "" if replaces(plan) else "migration " if len(asked) == 1 else "migrations "
        detail = f"{what}{named} of commit {work.commit[:10]}"
        policy.require(work, subject(work.commit, asked), detail)
    return bound.held(plan, found)


def _told(risky: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{_called(each)} is {each['grade']}: {each['why']}" for each in risky)


def _called(each: Mapping[str, Any]) -> str:
    return str(each["name"]) if each["name"] == bound.REPLACING else f"migration {each['name']}"


def _refuse(work: Work, risky: Sequence[Mapping[str, Any]]) -> NoReturn:
    grades = ", ".join(f"{name}: ask" for name in dict.fromkeys(each["grade"] for each in risky))
    raise MigrationsRefused(
        f"{work.target}: {_told(risky)}, which is not allowed here; nothing was migrated",
        hint=f"to allow it, in fraises.yaml: environments.{work.target.environment}.risk: {{{grades}}}",
    )


def subject(commit: str, risky: Sequence[Mapping[str, Any]]) -> str:
    """What exactly is approved: these migrations, as this commit has them, for what they were graded."""
    return f"migrations {digest(list(risky))} commit {commit}"
