"""Every error that Fraisier raises on purpose; bottom of all layers.

FraisierError                 1  500
├── UsageError                2  400   the command line or the call is wrong
├── ConfigError               3  422   fraises.yaml is wrong; carries every problem found
│   └── ConfigNotFound        3  404
├── InventoryFailed           3  502   an inventory of the user's own could not be read
├── SecretUnavailable         3  502   a place where secrets are kept did not give one; carries every reference concerned
├── NotBuiltYet               3  501   configured, valid, and no engine of ours runs it yet
├── TargetUnreachable         4  502   a host or the git server did not answer
├── StatusRefused             4  502   a git server refused the status of a commit; trying again does not help
├── HealthCheckFailed         5  502   the new version did not answer as healthy
├── TargetLocked              6  409   another deployment holds the target
├── PlanRefused               9  409   what a plan was bound to has moved since, or it was used or expired
├── PolicyRefused            10  403   a policy of the environment does not allow it, or not now
│   └── ApprovalNeeded       11  403   ... until somebody else has approved exactly that
├── MigrationsRefused        12  409   pending migrations are riskier than the environment allows
├── DeploymentFailed          1  500   a phase failed; says which
│   └── RollbackFailed        7  500   ... and going back did not hold: look at the hosts
├── InvalidSignature          2  401   a webhook is not signed by one of its secrets
├── InvalidPayload            2  400   a webhook is authentic, and its body is not what the provider sends
├── DeploymentTimeout       124  504
├── DeploymentCancelled     130  409
└── LedgerError               8  503   the database could not be read or written
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class FraisierError(Exception):
    """Base of the tree: message (where, what, next step), exit code, HTTP status, and whether trying again helps."""

    exit_code: int = 1
    http_status: int = 500
    retriable: bool = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """Name stored on the row that this error spoiled, e.g. ``TargetLocked``."""
        return type(self).__name__

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(FraisierError):
    exit_code = 2
    http_status = 400


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: where (1-based line and column), the dotted path, what, and what to do."""

    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        head = " ".join(part for part in (place, self.path) if part)
        text = f"{head}: {self.message}" if head else self.message
        return f"{text}, {self.hint}" if self.hint else text


class ConfigError(FraisierError):
    """A file that cannot be used. ``problems`` holds all of them, in the order of the file."""

    exit_code = 3
    http_status = 422

    def __init__(self, problems: list[Problem] | str, *, hint: str | None = None) -> None:
        found = [Problem(problems)] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(str(problem) for problem in found), hint=hint)
        self.problems = found


class ConfigNotFound(ConfigError):
    http_status = 404


class NotBuiltYet(FraisierError):
    exit_code = 3
    http_status = 501


class InventoryFailed(FraisierError):
    exit_code = 3
    http_status = 502
    retriable = True


class SecretUnavailable(FraisierError):
    """What a back end of secrets could not give, never with a value. ``problems`` names the places in fraises.yaml once they are known;
    ``retriable`` when the back end did not answer."""

    exit_code = 3
    http_status = 502

    def __init__(self, problems: list[Problem] | str, *, hint: str | None = None, retriable: bool = False) -> None:
        found = [Problem(problems)] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(str(problem) for problem in found), hint=hint)
        self.problems = found
        self.retriable = retriable


class TargetUnreachable(FraisierError):
    exit_code = 4
    http_status = 502
    retriable = True


class StatusRefused(FraisierError):
    exit_code = 4
    http_status = 502


class HealthCheckFailed(FraisierError):
    exit_code = 5
    http_status = 502


class TargetLocked(FraisierError):
    exit_code = 6
    http_status = 409
    retriable = True


class PlanRefused(FraisierError):
    exit_code = 9
    http_status = 409


class PolicyRefused(FraisierError):
    """``until`` is the moment from which on the same may be asked for again (aware), None where waiting does not help."""

    exit_code = 10
    http_status = 403

    def __init__(self, message: str, *, hint: str | None = None, until: datetime | None = None) -> None:
        super().__init__(message, hint=hint)
        self.until = until


class ApprovalNeeded(PolicyRefused):
    """``subject`` is what has to be approved, in the words of the ledger, ``detail`` the same for people."""

    exit_code = 11

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        until: datetime | None = None,
        subject: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(message, hint=hint, until=until)
        self.subject = subject
        self.detail = detail


class MigrationsRefused(FraisierError):
    exit_code = 12
    http_status = 409


class DeploymentFailed(FraisierError):
    pass


class RollbackFailed(DeploymentFailed):
    exit_code = 7


class InvalidSignature(FraisierError):
    exit_code = 2
    http_status = 401


class InvalidPayload(FraisierError):
    exit_code = 2
    http_status = 400


class DeploymentTimeout(FraisierError):
    exit_code = 124
    http_status = 504
    retriable = True


class DeploymentCancelled(FraisierError):
    exit_code = 130
    http_status = 409


class LedgerError(FraisierError):
    exit_code = 8
    http_status = 503
    retriable = True
