"""Bringing a database to the newest shape: Alembic's migrations, then the views and functions, in one transaction."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from fraisier.record import doorbells, schema
from fraisier.record.connect import connect, driver_errors
from fraisier.record.failure import ledger_error
from fraisier.record.url import POSTGRESQL, Place, read_url

_HERE = Path(str(files("fraisier.record")))


def migrate(url: str) -> str:
    """Apply what is missing, on either engine; creates the SQLite file. Harmless when repeated, or run twice at once.

    Returns the revision that the database has now.
    """
    place = read_url(url)
    try:
        schema.prepare(place)
        upgrade(place)
    except OSError as cause:
        raise ledger_error(cause, place) from cause
    return schema.HEAD


def upgrade(place: Place) -> None:
    engine = engine_of(place)
    try:
        with engine.connect() as connection, connection.begin():
            _upgrade(connection, place)
    except Exception as cause:
        driver = getattr(cause, "orig", cause)
        if isinstance(driver, driver_errors(place)):
            raise ledger_error(driver, place) from cause
        raise
    finally:
        engine.dispose()


def engine_of(place: Place) -> Engine:
    """An SQLAlchemy engine over our own connections: the same file modes, waits and locks as everywhere else."""
    engine = create_engine(
        f"{'postgresql+psycopg' if place.engine == POSTGRESQL else 'sqlite'}://",
        creator=lambda: _open(place),
        poolclass=NullPool,
    )
    if place.engine != POSTGRESQL:
        # Two processes may open a new file at once: the second must wait here, then find nothing left to do.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def view_names() -> list[str]:
    return sorted(file.stem for file in (_HERE / "views" / "sqlite").glob("v_*.sql"))


def view_sql(engine: str, name: str) -> str:
    return (_HERE / "views" / engine / f"{name}.sql").read_text(encoding="utf-8")


def config() -> Config:
    alembic = Config()
    alembic.set_main_option("script_location", str(_HERE / "migrations").replace("%", "%%"))
    alembic.set_main_option("path_separator", "os")
    return alembic


def _open(place: Place) -> object:
    connection = connect(place)
    try:
        if place.engine == POSTGRESQL:
            connection.autocommit = False
        else:
            connection.execute("PRAGMA journal_mode = WAL")  # a property of the file: set once, kept
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: Connection, place: Place) -> None:
    if place.engine == POSTGRESQL:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('fraisier migrate'))")
    driver = connection.connection.dbapi_connection
    found = schema.revision(driver, place)
    schema.refuse_newer(found, place)
    if place.engine == POSTGRESQL:
        doorbells.bring_up(driver)
    if found == schema.HEAD:
        return
    # Views stand on columns: they leave before a migration and come back after it.
    for name in view_names():
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    alembic = config()
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")
    for name in view_names():
        connection.exec_driver_sql(view_sql(place.engine, name))
    for file in sorted((_HERE / "functions").glob("*.sql")) if place.engine == POSTGRESQL else ():
        connection.exec_driver_sql(file.read_text(encoding="utf-8"))
