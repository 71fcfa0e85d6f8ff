"""The shape of the database: migrations give what the tables say, on both engines; it guards itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from fraisier.errors import LedgerError
from fraisier.record import doorbells, encode, migrate, read, schema, tables, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.url import read_url
from fraisier.vocabulary import EventKind, FraiseState, Kind, Status, Target, Trigger
from tests.integration.record.test_plans import record_plan

VIEWS = [
    "v_deployment_history",
    "v_deployment_stats",
    "v_fraise_status",
    "v_phase_timing",
    "v_plan",
    "v_recent_webhooks",
]
# Views and functions are put in place by whatever migrates. Changed one? Add a migration (it may be empty), its number to
# schema.REVISIONS, and write the new digest here: otherwise existing databases keep the old one.
SHAPE = {"0001": "7e152b16f5e64dfa", "0002": "dc68a973b7fa1174", "0003": "c1145333e3888c68"}

MARK = "SELECT obj_description(to_regclass('procrastinate_jobs')) AS mark"
WORDS = {
    ("tb_deployment", "status"): {word.value for word in Status},
    ("tb_deployment", "kind"): {word.value for word in Kind},
    ("tb_deployment", "trigger"): {word.value for word in Trigger},
    ("tb_deployment_event", "event"): {word.value for word in EventKind},
    ("tb_deployment_event", "run"): set(tables.RUNS),
    ("tb_fraise_state", "status"): {word.value for word in FraiseState},
    ("tb_host_release", "state"): set(tables.HOST_STATES),
    ("tb_webhook_event", "decision"): set(tables.DECISIONS),
    ("tb_notification", "status"): set(tables.NOTIFICATION_STATES),
}


@pytest.fixture
def migrated(empty_database_url: str) -> str:
    assert migrate.migrate(empty_database_url) == schema.HEAD
    return empty_database_url


def test_all_migrations_give_the_tables_of_the_metadata(migrated: str) -> None:
    engine = migrate.engine_of(read_url(migrated))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        differences = compare_metadata(context, SQLModel.metadata)
    engine.dispose()
    assert differences == []


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not str(name).startswith("procrastinate_")


def test_doorbells_are_there_and_brought_up_to_date_by_their_own_migrations(
    empty_postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.migrate(empty_postgresql_url)
    with Ledger(empty_postgresql_url) as ledger:
        installed = importlib.metadata.version("procrastinate")
        assert ledger.query(MARK) == [{"mark": f"procrastinate {installed}"}]
        monkeypatch.setattr(doorbells, "_since", lambda applied: [f"after {applied}"])
        monkeypatch.setattr(doorbells, "_sql", lambda *path: f'CREATE TABLE "{path[-1]}" ()')
        monkeypatch.setattr(doorbells, "version", lambda _: "3.99.1")
        migrate.migrate(empty_postgresql_url)
        assert ledger.query(MARK) == [{"mark": "procrastinate 3.99.1"}]
        before = tuple(int(part) for part in installed.split("."))
        assert ledger.query("SELECT 1 AS found FROM pg_tables WHERE tablename = :name", name=f"after {before}")


def test_migrations_of_the_doorbells_come_in_order() -> None:
    names = doorbells._since((3, 1, 0))
    assert names == sorted(names) and all(name.startswith(("03.02", "03.03", "03.04")) for name in names[:5])
    assert doorbells._since((3, 10, 0)) == [], "what the installed version ships is in its schema"


def test_columns_keys_and_indexes_equal_those_of_a_database_made_from_the_metadata(
    migrated: str, tmp_path: Path
) -> None:
    place = read_url(migrated)
    engine = migrate.engine_of(place)
    if place.engine == "sqlite":
        fresh = sa.create_engine(f"sqlite:///{tmp_path}/fresh.db")
        SQLModel.metadata.create_all(fresh)
        assert described(engine) == described(fresh)
        fresh.dispose()
    else:
        before = described(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            SQLModel.metadata.create_all(connection)
        assert before == described(engine)
    engine.dispose()


def described(engine: sa.Engine) -> dict[str, object]:
    inspector = sa.inspect(engine)
    return {
        name: (
            [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            ],
            sorted(str(check) for check in inspector.get_check_constraints(name)),
            sorted(str(sorted(key.items(), key=str)) for key in inspector.get_foreign_keys(name)),
            sorted(str(unique) for unique in inspector.get_unique_constraints(name)),
            sorted(str(as_text(index)) for index in inspector.get_indexes(name)),
        )
        for name in SQLModel.metadata.tables
    }


def as_text(value: object) -> object:
    """The condition of a partial index is an object that shows its address."""
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}
    return str(value) if isinstance(value, sa.TextClause) else value


def test_the_database_knows_exactly_the_words_of_the_vocabulary(migrated: str) -> None:
    engine = migrate.engine_of(read_url(migrated))
    inspector = sa.inspect(engine)
    for (table, column), words in WORDS.items():
        checks = {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)}
        assert set(re.findall(r"'([a-z_]*)'", checks[f"ck_{table[3:]}_{column}"])) == words
    engine.dispose()


def test_migrations_are_one_line_that_ends_at_head() -> None:
    script = ScriptDirectory.from_config(migrate.config())
    assert tuple(revision.revision for revision in reversed(list(script.walk_revisions()))) == schema.REVISIONS
    assert script.get_heads() == [schema.HEAD]


def test_views_in_the_database_are_those_of_the_files(migrated: str) -> None:
    assert migrate.view_names() == VIEWS
    place = read_url(migrated)
    engine = migrate.engine_of(place)
    with engine.connect() as connection:
        for name in VIEWS:
            if place.engine == "sqlite":
                stored = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name = '{name}'").scalar_one()
                assert normalised(stored) == normalised(migrate.view_sql("sqlite", name))
            else:
                stored = connection.exec_driver_sql(f"SELECT pg_get_viewdef('{name}'::regclass)").scalar_one()
                again = migrate.view_sql("postgresql", name).replace(f"VIEW {name}", f"TEMPORARY VIEW again_{name}")
                connection.exec_driver_sql(again)
                assert (
                    stored
                    == connection.exec_driver_sql(f"SELECT pg_get_viewdef('again_{name}'::regclass)").scalar_one()
                )
    engine.dispose()


def normalised(sql: str) -> str:
    return " ".join(re.sub(r"--.*", "", sql).replace(";", "").split())


def test_a_changed_view_or_function_comes_with_a_migration() -> None:
    folder = Path(migrate.__file__).parent
    files = [*sorted(folder.glob("views/*/*.sql")), *sorted(folder.glob("functions/*.sql"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    assert digest[:16] == SHAPE[schema.HEAD]


@pytest.mark.parametrize("name", VIEWS)
def test_views_have_the_same_columns_and_the_same_json_on_both_engines(
    name: str, sqlite_url: str, postgresql_url: str
) -> None:
    shapes = []
    for url in (sqlite_url, postgresql_url):
        with Ledger(url) as ledger:
            fill(ledger)
            row = ledger.query(f"SELECT * FROM {name}")[0]
            shapes.append((list(row), kinds(row["data"])))
    assert shapes[0] == shapes[1]
    assert "data" in shapes[0][0]


def test_a_database_of_the_first_shape_is_brought_up_with_what_it_holds(empty_database_url: str) -> None:
    place = read_url(empty_database_url)
    schema.prepare(place)
    engine = migrate.engine_of(place)
    with engine.connect() as connection, connection.begin():
        alembic = migrate.config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, schema.REVISIONS[0])
        connection.exec_driver_sql(
            "INSERT INTO tb_audit_log (id, created_at, action) VALUES ('1', '2026-11-22T01:00:00.000000Z', 'look')"
        )
    engine.dispose()
    assert migrate.migrate(empty_database_url) == schema.HEAD
    with Ledger(empty_database_url) as ledger:
        assert ledger.query("SELECT action FROM tb_audit_log") == [{"action": "look"}]
        assert ledger.query("SELECT * FROM v_plan") == []
        fill(ledger)


def fill(ledger: Ledger) -> None:
    target = Target("my_api", "production")
    deployment = write.claim(ledger, write.request(ledger, target, git_commit="c" * 40).id, Owner.here())
    write.set_plan(ledger, deployment, release_id="R1", old_version="a" * 40, new_version="b" * 40)
    with ledger.transaction() as session:
        for sequence, at in enumerate(("10.000000", "11.500000", "12.250000"), 1):
            session.execute(
                "INSERT INTO tb_deployment_event (fk_deployment, sequence, run, created_at, event, phase, host, status)"
                " VALUES (:fk, :sequence, 'deploy', :at, 'ok', 'fetch', 'web1', 'changed')",
                fk=deployment.pk,
                sequence=sequence,
                at=f"2026-11-22T01:00:{at}Z",
            )
    write.finish(ledger, deployment, Status.SUCCESS)
    write.set_fraise_state(
        ledger,
        target,
        status=FraiseState.HEALTHY,
        version="b" * 40,
        deployed_at=deployment.started_at,
        deployed_by="ann",
    )
    event = write.record_webhook_event(ledger, hook="h", provider="github", event_type="push", delivery_id="d1")
    with ledger.transaction() as session:
        accepted = (
            "UPDATE tb_webhook_event SET decision = 'accepted', processed = :yes, fk_deployment = :pk WHERE id = :id"
        )
        session.execute(accepted, yes=True, pk=deployment.pk, id=event.id)
    write.apply_plan(ledger, record_plan(ledger, target), deployment)


def kinds(data: object) -> dict[str, str]:
    """Keys and the kinds of their values: a time by its form, so that both engines must write it alike."""
    document = encode.read_document(data)

    def kind(value: object) -> str:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value):
            return "time"
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return "day"
        return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__

    assert all(re.fullmatch("[a-z_]+", key) for key in document)
    return {key: kind(value) for key, value in sorted(document.items())}


def test_phase_timing_adds_up_to_the_microsecond_and_rounds_to_the_millisecond(ledger: Ledger) -> None:
    fill(ledger)
    deployment = read.last_deployments(ledger, Target("my_api", "production"))[0]
    (timing,) = read.phase_timing(ledger, deployment)
    assert (timing.phase, timing.duration_seconds, timing.hosts, timing.failed) == ("fetch", 2.25, 1, 0)


def test_migrating_again_or_all_at_once_changes_nothing(empty_database_url: str) -> None:
    errors: list[Exception] = []

    def run() -> None:
        try:
            migrate.migrate(empty_database_url)
        except Exception as error:  # noqa: BLE001 - threads cannot fail a test
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Ledger(empty_database_url) as ledger:
        fill(ledger)
        assert migrate.migrate(empty_database_url) == schema.HEAD
        assert len(read.history(ledger)) == 1


def test_an_embedded_database_migrates_itself_and_is_for_its_owner_only(sqlite_url: str, target: Target) -> None:
    path = read_url(sqlite_url).path
    assert path is not None
    with Ledger(sqlite_url) as ledger:
        assert read.history(ledger) == [] and read.stats(ledger).total == 0 and read.fraise_status(ledger) == []
        assert not path.parent.exists()
        write.request(ledger, target)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
        assert ledger.query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        assert ledger.query("PRAGMA foreign_keys") == [{"foreign_keys": 1}]
        assert ledger.query("PRAGMA synchronous") == [{"synchronous": 2}]
        assert ledger.query("PRAGMA busy_timeout") == [{"timeout": 30_000}]


def test_an_empty_postgresql_database_asks_for_its_migration(empty_postgresql_url: str, target: Target) -> None:
    with Ledger(empty_postgresql_url) as ledger:
        with pytest.raises(LedgerError, match="empty") as caught:
            write.request(ledger, target)
        assert caught.value.hint == "run `fraisier db migrate`" and not caught.value.retriable


def test_a_database_of_a_newer_fraisier_is_refused_and_left_alone(database_url: str, target: Target) -> None:
    with Ledger(database_url) as ledger:
        write.request(ledger, target)
        with ledger.transaction() as session:
            session.execute("UPDATE alembic_version SET version_num = '9999'")
    for act in (lambda: read.history(Ledger(database_url)), lambda: migrate.migrate(database_url)):
        with pytest.raises(LedgerError, match=r"revision 9999, newer than this Fraisier knows"):
            act()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE tb_deployment_event SET message = 'rewritten'",
        "DELETE FROM tb_deployment_event",
        "UPDATE tb_audit_log SET actor = 'nobody'",
        "DELETE FROM tb_audit_log",
        "DELETE FROM tb_deployment WHERE status = 'pending'",
    ],
)
def test_what_happened_cannot_be_rewritten(sql: str, ledger: Ledger) -> None:
    fill(ledger)
    write.audit(ledger, "deploy", actor="ann")
    write.request(ledger, Target("my_api", "production"))
    with pytest.raises(LedgerError, match=r"append-only|cannot be removed"), ledger.transaction() as session:
        session.execute(sql)


@pytest.mark.parametrize("table", ["tb_deployment_event", "tb_audit_log"])
def test_postgresql_does_not_truncate_what_happened(table: str, postgresql_url: str) -> None:
    with (
        Ledger(postgresql_url) as ledger,
        pytest.raises(LedgerError, match="append-only"),
        ledger.transaction() as session,
    ):
        session.execute(f"TRUNCATE {table}")


def test_events_leave_with_their_deployment(ledger: Ledger) -> None:
    fill(ledger)
    for _ in range(11):
        done = write.claim(ledger, write.request(ledger, Target("my_api", "production")).id, Owner.here())
        write.finish(ledger, done, Status.SUCCESS)
    assert write.prune(ledger, keep_days=0) == 2
    assert ledger.query("SELECT count(*) AS n FROM tb_deployment_event") == [{"n": 0}]
    assert ledger.query("SELECT deployment_id FROM v_recent_webhooks") == [{"deployment_id": None}]


@pytest.mark.parametrize("status", ["pending", "in_progress"])
def test_the_database_itself_allows_one_open_deployment_of_a_kind_per_target(status: str, ledger: Ledger) -> None:
    insert = (
        "INSERT INTO tb_deployment (id, fraise, environment, kind, status, trigger, requested_at, requested_on)"
        " VALUES (:id, 'f', 'e', 'deploy', :status, 'api', '2026-01-01T00:00:00.000000Z', '2026-01-01')"
    )
    with ledger.transaction() as session:
        session.execute(insert, id="1" * 36, status=status)
    with pytest.raises(LedgerError), ledger.transaction() as session:
        session.execute(insert, id="2" * 36, status=status)


def test_unknown_words_and_dangling_keys_are_refused(ledger: Ledger) -> None:
    fill(ledger)
    for sql in ("UPDATE tb_deployment SET status = 'done'", "UPDATE tb_deployment SET fk_retry_of = 4711"):
        with pytest.raises(LedgerError), ledger.transaction() as session:
            session.execute(sql)


def test_the_tables_can_be_queried_with_sqlmodel(migrated: str) -> None:
    with Ledger(migrated) as ledger:
        fill(ledger)
    engine = migrate.engine_of(read_url(migrated))
    with sa.orm.Session(engine) as session:
        row = session.scalars(sa.select(tables.TbDeployment)).one()
        assert (row.fraise, row.status, row.cancel_requested, row.details) == ("my_api", "success", False, {})
        assert row.requested_at.tzinfo is not None and row.requested_at.utcoffset() is not None
        assert str(row.requested_on) == row.requested_at.date().isoformat()
        session.add(tables.TbAuditLog(actor="ann", action="look", created_at=row.requested_at))
        session.commit()
    with Ledger(migrated) as ledger:
        assert [type(row["created_at"]) for row in ledger.query("SELECT created_at FROM tb_audit_log")]
    engine.dispose()
