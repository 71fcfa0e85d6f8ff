"""Asking the policies: what they need to know, what their answer means, and what is written down of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fraisier import notify
from fraisier.errors import ApprovalNeeded, PolicyRefused
from fraisier.fraise_types.policies import span
from fraisier.git.mirror import is_part_of, mirrors_folder
from fraisier.policy import subjects
from fraisier.policy.judge import Consent, Request, Verdict, consented, judge, required
from fraisier.policy.subjects import Subject
from fraisier.record import approvals, write
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fraisier.config import ResolvedFraise
    from fraisier.record.approvals import Approval
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment, StoredPlan
    from fraisier.work import Asked, Work


def ask(
    ledger: Ledger,
    resolved: ResolvedFraise,
    kind: Kind,
    asked: Asked,
    hosts: Sequence[str],
    subject: Subject | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    may_wait: bool = False,
) -> None:
    """Judge what is asked for, before it is written down. Raises PolicyRefused or ApprovalNeeded, and notes that it did.

    ``subject``: what exactly it is about, where that is known already; ``environ`` is for git then. ``may_wait``: a worker carries it
    out, so that what passes with time or by consent is no reason to refuse.
    """
    wanted, now = _request(resolved, kind, asked, hosts), datetime.now(UTC)
    if subject:
        wanted = _about(resolved, wanted, subject, asked, environ or {})
        wanted = _with_consents(wanted, _approvals(ledger, resolved, subject, now))
    verdict = judge(resolved.settings, wanted, now)
    if not (verdict.is_allowed or (may_wait and all(each.passes for each in verdict.objections))):
        raise _refused(ledger, resolved, wanted, verdict, subject)


def begin(work: Work) -> None:
    """Judge what was claimed, before anything is found out about it: who, when, how many hosts. Raises as ``ask`` does."""
    if _is_repair(work):
        return
    kind = work.claim.kind
    wanted = _request(work.resolved, kind, work.asked, work.hosts)
    verdict = judge(work.resolved.settings, wanted, datetime.now(UTC))
    if not verdict.is_allowed:
        raise _refused(work.ledger, work.resolved, wanted, verdict, None, work.claim)
    if kind is Kind.JOB:
        consent(work, subjects.of_job(work.resolved, work.asked))


def consent(work: Work, subject: Subject) -> None:
    """Judge what is about to be done, now that it is known, and use the approvals that it takes. Raises as ``ask`` does."""
    if _is_repair(work):
        return
    work.commit = subject.commit
    policy = work.resolved.settings
    wanted = _request(work.resolved, work.claim.kind, work.asked, work.hosts)
    wanted = _about(work.resolved, wanted, subject, work.asked, work.environ)
    if not required(policy, wanted.kind):
        _settle(work, wanted, subject, judge(policy, wanted, datetime.now(UTC)))
        return
    with work.ledger.transaction() as session:
        target_lock(session, work.target)
        now = session.now()
        found = _approvals(work.ledger, work.resolved, subject, now, _own(work))
        verdict = judge(policy, _with_consents(wanted, found), now)
        _use(work, verdict, found)
    _settle(work, wanted, subject, verdict)


def require(work: Work, subject: str, detail: str) -> None:
    """Raises ApprovalNeeded unless somebody else, who may, has approved exactly ``subject``.

    ``detail`` says the same for people. The approval is this deployment's from then on, and of no other.
    """
    exact = Subject(subject, detail, work.commit)
    wanted = _request(work.resolved, work.claim.kind, work.asked, work.hosts)
    wanted = replace(wanted, subject=subject, detail=detail)
    with work.ledger.transaction() as session:
        target_lock(session, work.target)
        found = _approvals(work.ledger, work.resolved, exact, session.now(), _own(work))
        verdict = consented(work.resolved.settings, _with_consents(wanted, found), 1)
        _use(work, verdict, found)
    _settle(work, wanted, exact, verdict)


def foreseen(
    ledger: Ledger, resolved: ResolvedFraise, asked: Asked, hosts: Sequence[str], plan: StoredPlan
) -> list[str]:
    """What policies say now to carrying out ``plan``: sentences, none when they allow it. Nothing is noted."""
    subject, now = subjects.of_plan(plan), datetime.now(UTC)
    wanted = _request(resolved, Kind.DEPLOY, asked, hosts)
    wanted = replace(wanted, subject=subject.key, detail=subject.detail)
    wanted = _with_consents(wanted, _approvals(ledger, resolved, subject, now))
    verdict = judge(resolved.settings, wanted, now)
    command = f": {approve_command(resolved, subject)}"
    return [each.text + command * (each.rule == "approvals") for each in verdict.objections]


def approve_command(resolved: ResolvedFraise, subject: Subject | None) -> str:
    """What somebody else types to consent."""
    target, name = resolved.target, subject.name if subject else ""
    job = f"--job {target.job}" if target.job else ""
    return " ".join(word for word in ("fraisier approve", target.fraise, target.environment, name, job) if word)


def _request(resolved: ResolvedFraise, kind: Kind, asked: Asked, hosts: Sequence[str]) -> Request:
    return Request(
        kind,
        asked.actor,
        asked.trigger,
        hosts=len(hosts),
        all_hosts=len(resolved.settings.hosts),
        continues=bool(asked.resumes or asked.debts),
        override=asked.override or "",
    )


def _about(
    resolved: ResolvedFraise, wanted: Request, subject: Subject, asked: Asked, environ: Mapping[str, str]
) -> Request:
    """The request with what it is about. A commit that was named is looked for in ``required_branch``; others come from there."""
    branch, git_repo = resolved.settings.required_branch, getattr(resolved.settings, "git_repo", None)
    is_on_branch = None
    if branch and git_repo and asked.commit and wanted.kind is Kind.DEPLOY:
        is_on_branch = is_part_of(git_repo, branch, asked.commit, mirrors_folder(environ), environ)
    return replace(wanted, subject=subject.key, detail=subject.detail, is_on_branch=is_on_branch)


def _approvals(
    ledger: Ledger, resolved: ResolvedFraise, subject: Subject, now: datetime, own: Collection[str] = ()
) -> list[Approval]:
    """Approvals of exactly this that may be used, and those that the deployment has used already (``own``: its ids)."""
    since = now - span(resolved.settings.approvals.valid_for)
    history = approvals.read_history(ledger, since, resolved.target)
    used = [each for each in history.approvals if each.subject == subject.key and each.used_by in own]
    return [*used, *history.usable(subject.key, now)]


def _with_consents(wanted: Request, found: Sequence[Approval]) -> Request:
    return replace(wanted, consents=tuple(Consent(each.id, each.actor, each.trigger) for each in found))


def _own(work: Work) -> tuple[str, ...]:
    return tuple(each for each in (work.claim.id, work.asked.resumes) if each)


def _is_repair(work: Work) -> bool:
    """Whether a worker goes on by itself with what was begun, or settles what hosts owe: that was allowed when it began."""
    return work.claim.background and bool(work.asked.resumes or work.asked.debts)


def _use(work: Work, verdict: Verdict, found: Sequence[Approval]) -> None:
    if not verdict.is_allowed:
        return
    fresh = [each.id for each in found if each.id in verdict.uses and not each.used_by]
    approvals.use(work.ledger, work.target, fresh, actor=work.asked.actor, deployment_id=work.claim.id)


def _settle(work: Work, wanted: Request, subject: Subject, verdict: Verdict) -> None:
    """Raise what the verdict refuses; note what an emergency has lifted, and let people hear of it."""
    if not verdict.is_allowed:
        raise _refused(work.ledger, work.resolved, wanted, verdict, subject, work.claim)
    if not verdict.lifted:
        return
    lifted = [each.text for each in verdict.lifted]
    with work.ledger.transaction():
        write.audit(
            work.ledger,
            "policy override",
            actor=wanted.actor,
            subject=work.target.slug,
            outcome="lifted",
            deployment_id=work.claim.id,
            details={"reason": wanted.override, "lifted": lifted, "subject": subject.key},
        )
        notify.overridden(work.ledger, work.resolved, work.claim, reason=wanted.override, lifted=lifted)
    work.listener.note(f"{work.target}: policies overridden ({wanted.override}): {'; '.join(lifted)}")


def _refused(
    ledger: Ledger,
    resolved: ResolvedFraise,
    wanted: Request,
    verdict: Verdict,
    subject: Subject | None,
    row: Deployment | None = None,
) -> PolicyRefused:
    """The error of a verdict, noted with who asked; what a waiting deployment has been told already is not noted again."""
    final = [each for each in verdict.objections if not each.passes]
    message = f"{resolved.target}: {'; '.join(each.text for each in verdict.objections)}"
    deployment_id = row.id if row else ""
    if not (row and (row.details.get("waits") or {}).get("reason") == message):
        write.audit(
            ledger,
            "policy",
            actor=wanted.actor,
            subject=resolved.target.slug,
            outcome="refused" if final or not deployment_id else "to wait",
            deployment_id=deployment_id,
            details={"reason": message, "rules": [each.rule for each in verdict.objections], "kind": wanted.kind},
        )
    if final:
        return PolicyRefused(message, hint=_way_out(resolved, wanted, final[0].rule))
    until = max((each.until for each in verdict.objections if each.until), default=None)
    if subject is None or all(each.until for each in verdict.objections):
        return PolicyRefused(message, hint=_way_out(resolved, wanted, "freeze"), until=until)
    what = {"subject": subject.key, "detail": subject.detail, "commit": subject.commit}
    need = approvals.need(ledger, resolved.target, actor=wanted.actor, deployment_id=deployment_id, **what)
    named = subject if subject.name else replace(subject, name=need[:8])
    hint = f"somebody else types: {approve_command(resolved, named)}"
    return ApprovalNeeded(message, hint=hint, until=until, subject=subject.key, detail=subject.detail)


def _way_out(resolved: ResolvedFraise, wanted: Request, rule: str) -> str:
    target = resolved.target
    command = {Kind.DEPLOY: "deploy", Kind.ROLLBACK: "rollback"}.get(wanted.kind, "run" if target.job else "restore")
    words = " ".join(filter(None, ("fraisier", command, target.fraise, target.environment, target.job)))
    return {
        "allowed_actors": "ask one of them",
        "max_hosts": f"fewer at once: {words} --limit HOSTS",
        "override_actors": "ask one of override_actors",
    }.get(rule, f'in an emergency: {words} --override "REASON"')
