"""Who may change what, and when: settings of every fraise type, and of ``environments``. They are judged in ``fraisier.policy``."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from fraisier.fraise_types import windows
from fraisier.fraise_types.clock import Zone
from fraisier.fraise_types.fields import AS_IS, NUMBER, Batch, Branch, Line, Section, one_or_many, refuse
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.risk import Answer, Grade
from fraisier.vocabulary import Kind, Trigger

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})(min|h|d|w)")
_UNITS: Final = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta:
    """A span of time as it is written: 30min, 12h, 7d, 2w. Raises ValueError for anything else."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _span(text: str) -> str:
    try:
        span(text)
    except ValueError:
        raise refuse("expected a span of time such as 30min, 12h, 7d or 2w") from None
    return text


def _end(text: str) -> str:
    try:
        windows.end(text)
    except ValueError:
        raise refuse(f"expected {windows.FORMS}") from None
    return text


def _actor(text: str) -> str:
    trigger, colon, name = text.partition(":")
    if colon and trigger not in list(Trigger):
        raise refuse(f"expected a name, or {', '.join(Trigger)} and ':' before it", hint=did_you_mean(trigger, Trigger))
    if colon and not name:
        raise refuse("expected a name after ':'", hint="* stands for any name")
    return text


WindowEnd = Annotated[Line, AfterValidator(_end)]
Span = Annotated[Line, AfterValidator(_span)]
ActorName = Annotated[Line, AfterValidator(_actor)]
ActorNames = Annotated[tuple[ActorName, ...], BeforeValidator(one_or_many(str))]
Kinds = Annotated[tuple[Kind, ...], Field(min_length=1), BeforeValidator(one_or_many(str))]


class Approvals(Section):
    """Whose consent a deployment needs before it is carried out. Nobody approves their own request."""

    required: Annotated[int, Field(ge=0, le=20), NUMBER] | None = Field(
        None,
        description="How many people must approve. Default: 1 in a protected environment that has no `allowed_actors`, else none.",
    )
    by: ActorNames = Field(
        (),
        description="Who may approve: names, `*` and `?` stand for parts. Default: everybody but who asks.",
        json_schema_extra={"x-or-one": True},
    )
    valid_for: Span = Field(
        "24h", description="How long an approval may be used: 30min, 12h, 7d, 2w. It is used once. Default: 24h."
    )
    kinds: Kinds = Field(
        (Kind.DEPLOY,),
        description="What needs it: deploy, rollback, job. Default: deploy.",
        json_schema_extra={"x-or-one": True},
    )


class Freeze(Section):
    """A window of time in which nothing is deployed, by the clock of a time zone: once, every week, or every day."""

    begins: WindowEnd = Field(
        description="A date (2026-12-24), a day of the week (fri), each perhaps with a time (fri 16:00), or a time alone, "
        "for every day (22:00). Required."
    )
    ends: WindowEnd = Field(
        description="Written as `begins`; a date or day without a time is part of the window as a whole. Required."
    )
    timezone: Zone = Field("UTC", description="Time zone of the clock, e.g. Europe/Paris. Default: UTC.")
    reason: str = Field("", description="Told to whoever is kept waiting. Default: empty.")
    kinds: Kinds = Field(
        (Kind.DEPLOY,),
        description="What it holds up: deploy, rollback, job. Going back stays possible unless `rollback` is here. Default: deploy.",
        json_schema_extra={"x-or-one": True},
    )

    @model_validator(mode="after")
    def _is_a_window(self) -> "Freeze":
        try:
            self.window  # noqa: B018 - raises for what is none
        except ValueError as error:
            raise refuse(str(error), kind=AS_IS) from None
        return self

    @property
    def window(self) -> windows.Window:
        return windows.window(self.begins, self.ends, self.timezone)


class Policies(Section):
    """Who may change a target, when, how much of it at once, and at what risk."""

    protected: bool = Field(
        False,
        description="Whether it is an environment to be careful with: what destroys data is refused there, and a deployment "
        "needs an approval where neither `allowed_actors` nor `approvals.required` is given. Default: false.",
    )
    allowed_actors: ActorNames = Field(
        (),
        description="Who may deploy, go back, resume and run jobs: names of the command line and the library, `*` and `?` stand "
        "for parts; `webhook:octocat` is an account of the git service, `webhook:*` every push, `scheduled:*` the clock. "
        "Default: everybody.",
        json_schema_extra={"x-or-one": True},
    )
    approvals: Approvals = Field(Approvals(), description="Whose consent a deployment needs. Default: nobody's.")
    freeze: tuple[Freeze, ...] = Field(
        (),
        description="Windows of time in which nothing is deployed; what webhooks and the clock ask for waits until they end. "
        "Default: none.",
    )
    required_branch: Branch | None = Field(
        None,
        description="The branch that everything deployed must be part of: also a commit that is named. Default: any.",
    )
    max_hosts: Batch | None = Field(
        None,
        description="Most hosts that one deployment may change: a number, or a percentage of the target's hosts. Default: all.",
    )
    override_actors: ActorNames = Field(
        ("*",),
        description="Who may lift these policies in an emergency, with `--override REASON`; `[]` is nobody. `allowed_actors` is "
        "never lifted. Default: *, whoever may deploy.",
        json_schema_extra={"x-or-one": True},
    )
    risk: dict[Grade, Answer] = Field(
        {},
        description="What is done about pending migrations by how risky they are: `additive`, `reversible`, `lock_risky`, "
        "`destructive`, `irreversible` or `unknown` to `apply`, `ask` (somebody must approve) or `deny`; what is not named: ask for "
        "destructive, irreversible and unknown, apply the others. Default: in a `protected` environment that, elsewhere nothing is graded.",
    )
