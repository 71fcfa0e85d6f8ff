"""Grades SQL, statement by statement, as a parser reads it. What it cannot read is not known, which is not safe."""

from __future__ import annotations

import logging
from typing import Final

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from fraisier.risk import Grade, Step

DIALECTS: Final = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "sqlite": "sqlite",
    "mysql": "mysql",
    "mariadb": "mysql",
}
UNREADABLE: Final = "has SQL that cannot be read"
NO_SQL: Final = "-- THIS OPERATION CANNOT BE WRITTEN AS SQL"
"""How Django says so."""
LEDGERS: Final = frozenset({"alembic_version", "django_migrations", "schema_migrations"})
"""What tools write their own notes to."""
NOTHING: Final = (exp.Transaction, exp.Commit, exp.Semicolon, exp.Set)
ADDED: Final = frozenset(
    {"TABLE", "VIEW", "SCHEMA", "SEQUENCE", "TYPE", "EXTENSION", "FUNCTION", "PROCEDURE", "TRIGGER", "DOMAIN", "POLICY"}
)
LOST: Final = frozenset({"TABLE", "COLUMN", "SCHEMA", "SEQUENCE", "DATABASE"})
"""What cannot be made again by a way back, since there was data in it."""

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns of what it cannot read; that is graded


def read(sql: str, dialect: str) -> list[Step]:
    """A step for each statement that does something."""
    if dialect not in DIALECTS:
        return [Step(Grade.UNKNOWN, f"is SQL of {dialect or 'a database that is not known'}")]
    try:
        statements = parse(sql, dialect=DIALECTS[dialect])
    except (SqlglotError, RecursionError):
        return [Step(Grade.UNKNOWN, UNREADABLE)]
    steps = [step for statement in statements if statement is not None for step in _steps(statement)]
    if NO_SQL in sql:
        steps.append(Step(Grade.UNKNOWN, "runs code that cannot be shown as SQL"))
    return steps or [Step(Grade.ADDITIVE, "does nothing")]


def _steps(statement: exp.Expr) -> list[Step]:
    if not isinstance(statement, exp.Expression):
        return [Step(Grade.UNKNOWN, UNREADABLE)]
    if within := _hidden(statement):
        return [within]
    if isinstance(statement, NOTHING) or _is_note(statement):
        return []
    if isinstance(statement, exp.Alter):
        return [_altered(action, _name(statement)) for action in statement.args.get("actions") or [exp.Command()]]
    return [_step(statement)]


def _step(statement: exp.Expression) -> Step:
    name = _name(statement)
    match statement:
        case exp.Create():
            return _created(statement, name)
        case exp.Drop():
            return _dropped(str(statement.args.get("kind") or ""), name)
        case exp.Insert():
            overwrites = any(statement.args.get(word) for word in ("overwrite", "conflict", "alternative"))
            return Step(Grade.DESTRUCTIVE if overwrites else Grade.ADDITIVE, f"inserts into {name}")
        case exp.Update():
            return Step(Grade.DESTRUCTIVE, f"overwrites rows of {name}")
        case exp.Delete():
            return Step(Grade.IRREVERSIBLE, f"deletes rows of {name}")
        case exp.TruncateTable():
            return Step(Grade.IRREVERSIBLE, "empties a table")
        case exp.Comment() | exp.Grant() | exp.Revoke():
            return Step(Grade.REVERSIBLE, f"{statement.key}s {'on ' if statement.key != 'comment' else ''}{name}")
    return Step(Grade.UNKNOWN, _shown(statement))


def _hidden(statement: exp.Expression) -> Step | None:
    """What a statement that only adds brings along: PostgreSQL lets a query delete, and a function do anything."""
    if not isinstance(statement, (exp.Insert, exp.Create)):
        return None
    query = statement.args.get("expression")
    if not isinstance(query, exp.Query):
        return None
    if statement.find(exp.Delete, exp.Update, exp.Merge):
        return Step(Grade.IRREVERSIBLE, f"changes rows on the way into {_name(statement)}")
    if isinstance(statement, exp.Insert) and query.find(exp.Anonymous):
        return Step(Grade.UNKNOWN, f"calls a function on the way into {_name(statement)}")
    return None


def _created(statement: exp.Create, name: str) -> Step:
    kind = str(statement.args.get("kind") or "").upper()
    if kind == "INDEX":
        grade = Grade.ADDITIVE if statement.args.get("concurrently") else Grade.LOCK_RISKY
        return Step(grade, f"builds an index on {name}" + (" while nobody may write" * (grade is Grade.LOCK_RISKY)))
    if statement.args.get("replace"):
        return Step(Grade.REVERSIBLE, f"replaces {kind.lower()} {name}")
    return Step(Grade.ADDITIVE if kind in ADDED else Grade.UNKNOWN, f"creates {kind.lower()} {name}")


def _dropped(kind: str, name: str) -> Step:
    grade = Grade.IRREVERSIBLE if kind.upper() in LOST else Grade.DESTRUCTIVE
    return Step(grade, f"drops {kind.lower()} {name}")


def _altered(action: exp.Expression, table: str) -> Step:
    """One action of ALTER TABLE. What there is no word for here is not known."""
    match action:
        case exp.ColumnDef():
            return _column_added(action, table)
        case exp.Drop():
            return _dropped(str(action.args.get("kind") or ""), f"{table}.{_name(action)}")
        case exp.AlterColumn():
            return _column_altered(action, f"{table}.{action.this.name}")
        case exp.AlterRename() | exp.RenameColumn():
            return Step(Grade.REVERSIBLE, f"renames in {table}")
        case exp.AddConstraint():
            return Step(Grade.LOCK_RISKY, f"adds a constraint to {table}, which is checked against every row")
    return Step(Grade.UNKNOWN, f"alters {table}: {_shown(action)}")


def _column_added(column: exp.ColumnDef, table: str) -> Step:
    kinds = [constraint.args.get("kind") for constraint in column.args.get("constraints") or []]
    has_default = any(isinstance(kind, exp.DefaultColumnConstraint) for kind in kinds)
    is_checked = any(
        isinstance(kind, (exp.UniqueColumnConstraint, exp.PrimaryKeyColumnConstraint, exp.CheckColumnConstraint))
        for kind in kinds
    )
    is_needed = any(isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds)
    computed = any(isinstance(kind, exp.DefaultColumnConstraint) and kind.find(exp.Func) for kind in kinds)
    risky = is_checked or computed or (is_needed and not has_default)
    return Step(Grade.LOCK_RISKY if risky else Grade.ADDITIVE, f"adds column {table}.{column.name}")


def _column_altered(action: exp.AlterColumn, column: str) -> Step:
    if action.args.get("dtype"):
        return Step(Grade.IRREVERSIBLE, f"changes the type of {column}, which may lose what does not fit")
    if action.args.get("allow_null") is False:
        return Step(Grade.LOCK_RISKY, f"makes {column} not null, which is checked against every row")
    if action.args.get("default") is not None or action.args.get("drop") or action.args.get("allow_null"):
        return Step(Grade.REVERSIBLE, f"changes what {column} may be")
    return Step(Grade.UNKNOWN, f"alters {column}")


def _is_note(statement: exp.Expression) -> bool:
    if isinstance(statement, exp.Create) and _name(statement) in LEDGERS:
        return True
    return isinstance(statement, (exp.Insert, exp.Update, exp.Delete)) and _name(statement) in LEDGERS


def _name(statement: exp.Expression) -> str:
    """The table that a statement is about, or what it is named for."""
    table = statement.find(exp.Table)
    if table is not None and table.name:
        return f"{table.db}.{table.name}" if table.db else table.name
    named = statement.find(exp.Identifier)
    return named.name if named else "something"


def _shown(statement: exp.Expression) -> str:
    words = " ".join(statement.sql().split())
    return f"does what is not known here: {words[:60]}" if words else UNREADABLE
