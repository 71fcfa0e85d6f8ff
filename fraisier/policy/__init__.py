"""Policies of environments: who may change what, when, and whose consent it takes. Decided here for all doors, never in one.

``judge`` is pure. It is asked twice, with the facts of the moment: when something is asked for (``ask``), and when it is carried out
(``begin``, then ``consent`` once it is known what exactly it is about), as the configuration is then.
"""

from __future__ import annotations

from fraisier.policy.admission import ask, begin, consent, foreseen, require
from fraisier.policy.approving import approve
from fraisier.policy.judge import Objection, Request, Verdict, asks_what, judge, required
from fraisier.policy.subjects import Subject, of_commit, of_job, of_plan, of_rollback

__all__ = [
    "Objection",
    "Request",
    "Subject",
    "Verdict",
    "approve",
    "ask",
    "asks_what",
    "begin",
    "consent",
    "foreseen",
    "judge",
    "of_commit",
    "of_job",
    "of_plan",
    "of_rollback",
    "require",
    "required",
]
