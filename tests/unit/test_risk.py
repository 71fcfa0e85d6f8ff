"""Grades of migrations: what a statement does is read by a parser, and what cannot be read is not safe."""

from __future__ import annotations

from typing import Any

import pytest

from fraisier.risk import Grade, Graded, Step, answer, grade, worst
from fraisier.risk.statements import read

POSTGRESQL = {
    "CREATE TABLE a (id int)": Grade.ADDITIVE,
    "CREATE TABLE a AS SELECT 1": Grade.ADDITIVE,
    "ALTER TABLE a ADD COLUMN b int": Grade.ADDITIVE,
    "ALTER TABLE a ADD COLUMN b int NOT NULL DEFAULT 3": Grade.ADDITIVE,
    "CREATE INDEX CONCURRENTLY i ON a (b)": Grade.ADDITIVE,
    "INSERT INTO a VALUES (1)": Grade.ADDITIVE,
    "ALTER TABLE a RENAME COLUMN b TO c": Grade.REVERSIBLE,
    "ALTER TABLE a ALTER COLUMN b SET DEFAULT 3": Grade.REVERSIBLE,
    "ALTER TABLE a ALTER COLUMN b DROP NOT NULL": Grade.REVERSIBLE,
    "CREATE OR REPLACE VIEW v AS SELECT 1": Grade.REVERSIBLE,
    "GRANT SELECT ON a TO b": Grade.REVERSIBLE,
    "ALTER TABLE a ADD COLUMN b int NOT NULL": Grade.LOCK_RISKY,
    "ALTER TABLE a ADD COLUMN b timestamptz DEFAULT now()": Grade.LOCK_RISKY,
    "ALTER TABLE a ALTER COLUMN b SET NOT NULL": Grade.LOCK_RISKY,
    "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES d (e)": Grade.LOCK_RISKY,
    "CREATE INDEX i ON a (b)": Grade.LOCK_RISKY,
    "DROP INDEX i": Grade.DESTRUCTIVE,
    "ALTER TABLE a DROP CONSTRAINT c": Grade.DESTRUCTIVE,
    "UPDATE a SET b = 1": Grade.DESTRUCTIVE,
    "INSERT INTO a SELECT 1 ON CONFLICT (id) DO UPDATE SET b = 2": Grade.DESTRUCTIVE,
    "DROP TABLE a": Grade.IRREVERSIBLE,
    "ALTER TABLE a ADD COLUMN c int, DROP COLUMN b": Grade.IRREVERSIBLE,
    "ALTER TABLE a ALTER COLUMN b TYPE smallint": Grade.IRREVERSIBLE,
    "DELETE FROM a": Grade.IRREVERSIBLE,
    "TRUNCATE a": Grade.IRREVERSIBLE,
    "CREATE TABLE b (id int); DROP TABLE a": Grade.IRREVERSIBLE,
    "CREATE TABLE q AS WITH d AS (DELETE FROM a RETURNING *) SELECT * FROM d": Grade.IRREVERSIBLE,
    "INSERT INTO x WITH d AS (DELETE FROM a RETURNING *) SELECT * FROM d": Grade.IRREVERSIBLE,
    "INSERT INTO a SELECT forget_everything()": Grade.UNKNOWN,
    "DO $$ BEGIN DROP TABLE a; END $$": Grade.UNKNOWN,
    "SELECT forget_everything()": Grade.UNKNOWN,
    "MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE": Grade.UNKNOWN,
    "no sql": Grade.UNKNOWN,
    "CREATE TABLE ((((": Grade.UNKNOWN,
    "VACUUM FULL a": Grade.UNKNOWN,
}


@pytest.mark.parametrize(("sql", "expected"), POSTGRESQL.items(), ids=lambda value: str(value)[:60])
def test_a_statement_is_graded_by_what_it_does(sql: str, expected: Grade) -> None:
    assert worst(step.grade for step in read(sql, "postgresql")) is expected


def test_what_tools_write_down_for_themselves_is_no_change() -> None:
    sql = (
        "BEGIN; CREATE TABLE t (id INTEGER); UPDATE alembic_version SET version_num='2' WHERE version_num='1'; COMMIT;"
    )
    assert read(sql, "sqlite") == [Step(Grade.ADDITIVE, "creates table t")]


def test_sql_of_a_database_that_is_not_known_is_not_read() -> None:
    assert read("CREATE TABLE a (id int)", "oracle")[0].grade is Grade.UNKNOWN


def test_code_that_django_cannot_show_is_unknown() -> None:
    text = "--\n-- Raw Python operation\n--\n-- THIS OPERATION CANNOT BE WRITTEN AS SQL\n"
    assert read(text, "sqlite")[0].grade is Grade.UNKNOWN
    assert worst(step.grade for step in read(f"{text}CREATE TABLE a (id int);", "sqlite")) is Grade.UNKNOWN


def change(**more: Any) -> dict[str, Any]:
    return {"name": "1", "sql": None, "grades": None, "stuck": None, **more}


def test_a_tool_that_grades_is_believed_as_far_as_its_words_are_known() -> None:
    [graded] = grade([change(grades=[["additive", "a table"], ["lock_risky", "an index"]])], "postgresql")
    assert (graded.grade, graded.why) == (Grade.LOCK_RISKY, "an index")
    for word in ("frobnicating", "None", "unknown"):
        assert grade([change(grades=[[word, "?"]])], "postgresql")[0].grade is Grade.UNKNOWN


def test_what_nothing_is_known_of_is_unknown_and_a_mark_counts_with_the_sql() -> None:
    assert grade([change()], "sqlite")[0].grade is Grade.UNKNOWN
    [marked] = grade([change(stuck="gone", sql="CREATE TABLE a (id int)")], "sqlite")
    assert (marked.grade, marked.why) == (Grade.IRREVERSIBLE, "gone")
    assert grade([change(stuck="gone", sql="no sql")], "sqlite")[0].grade is Grade.UNKNOWN


def test_the_environment_is_asked_first_and_then_what_is_usual() -> None:
    assert answer(Grade.IRREVERSIBLE, {}) == "ask"
    assert answer(Grade.IRREVERSIBLE, {Grade.IRREVERSIBLE: "deny"}) == "deny"
    assert answer(Grade.LOCK_RISKY, {Grade.IRREVERSIBLE: "deny"}) == "apply"
    assert Graded("1", ()).grade is Grade.UNKNOWN, "of nothing, nothing is known"
