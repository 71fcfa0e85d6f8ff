"""The risk gate: pending migrations are graded, and whether they may be applied is decided, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fraisier import bound
from fraisier.errors import MigrationsRefused
from fraisier.plan import digest
from fraisier.risk import Answer, Grade, answer
from fraisier.vocabulary import Phase

if TYPE_CHECKING:
    from fraisier.plan import Plan
    from fraisier.record.rows import StoredPlan
    from fraisier.work import Work

NOT_NAMED = {"name": "what is pending", "grade": Grade.UNKNOWN.value, "why": "its tool cannot name it"}


def decide(work: Work, plan: Plan, planned: StoredPlan | None) -> Plan:
    """``plan`` held to the migrations that may be applied; as it is when they can be told only once the release is built.

    Asks one host, in check mode, unless the plan that is carried out has asked already. Raises MigrationsRefused.
    """
    if not plan.variables.get("fraisier_migrate_tool") or work.old is None:
        return plan
    known = planned.findings.get("migration") if planned else None
    found = known if known and "grades" in known else _look(work, plan) or {}
    return _judged(work, plan, found) if found.get("known") else plan


def is_open(plan: Plan) -> bool:
    """Whether there may be migrations that nobody has judged."""
    return bool(plan.variables.get("fraisier_migrate_tool")) and not plan.variables.get("fraisier_migrate_bound")


def decide_staged(work: Work, plan: Plan) -> Plan:
    """The same with the release on its hosts. Where even that look fails, nothing may be applied: the phase itself says why."""
    found = _look(work, plan)
    if found is None:
        return bound.held(plan, {"known": True, "pending": []})
    return _judged(work, plan, found)


def answers(grades: Sequence[Mapping[str, Any]], wishes: Mapping[Grade, Answer]) -> Iterator[Answer]:
    """What is done about each migration: as the environment wishes, else as usual."""
    for each in grades:
        yield answer(Grade(each["grade"]), wishes)


def _look(work: Work, plan: Plan) -> dict[str, Any] | None:
    """What the host says that migrates; None when it could not be asked."""
    found, error = bound.look(
        replace(plan, hosts=dict([next(iter(plan.hosts.items()))])), work.runner, work.environ, phases=(Phase.MIGRATE,)
    )
    return None if error else found["migration"]


def _judged(work: Work, plan: Plan, found: Mapping[str, Any]) -> Plan:
    grades = found["grades"] if found["known"] else [NOT_NAMED]
    decided = list(zip(grades, answers(grades, work.resolved.settings.risk), strict=True))
    for wish, words in (("deny", "is not allowed"), ("ask", "must be approved")):
        if risky := [each for each, decision in decided if decision == wish]:
            said = "; ".join(f"{each['name']} is {each['grade']}: {each['why']}" for each in risky)
            _refuse(work, risky, f"{said} ({words})")
    return bound.held(plan, found)


def _refuse(work: Work, risky: Sequence[Mapping[str, Any]], said: str) -> None:
    grades = ", ".join(f"{name}: apply" for name in dict.fromkeys(each["grade"] for each in risky))
    raise MigrationsRefused(
        f"{work.target}: migration {said}; nothing was migrated (subject {subject(risky)})",
        hint=f"to allow it, in fraises.yaml: environments.{work.target.environment}.risk: {{{grades}}}",
    )


def subject(risky: Sequence[Mapping[str, Any]]) -> str:
    """What exactly is approved: these migrations, for what they were graded."""
    return f"migrations-{digest(list(risky))[:16]}"
