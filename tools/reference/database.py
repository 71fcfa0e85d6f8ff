"""The ledger's tables, views and functions, from the models, a migrated database and the SQL files."""

from __future__ import annotations

import re
import tempfile

from sqlalchemy import Column, create_engine
from sqlalchemy import inspect as look_into
from sqlalchemy.dialects.postgresql import dialect
from sqlmodel import SQLModel

from fraisier.record import tables
from fraisier.record.migrate import migrate, view_names, view_sql
from reference.markdown import ROOT, page, table, words

INTRO = """\
What happened, in SQL: `tb_*` tables are written, `v_*` views are read. The default is a SQLite file,
`~/.local/state/fraisier/fraisier.db` (`XDG_STATE_HOME` moves it), made by the first deployment with mode 0600. `FRAISIER_DATABASE_URL`
names another file (`sqlite:////path/fraisier.db`) or [PostgreSQL](../how-to/postgresql-ledger.md).

`pk_*` and `fk_*` are integers that stay inside; `id` is a UUID for the outside; `identifier` is a slug. Times are UTC (on SQLite: text in
ISO 8601), durations are seconds, a text that is not known is empty. Every view has plain columns to filter by, and all of it once more
as JSON in the column `data`. Some tables wait for features that [come later](../../README.md#what-works)."""


def database_page() -> str:
    lines = [INTRO, "", "## Tables"]
    models = [model for model in SQLModel.__subclasses__() if model.__module__ == tables.__name__]
    for model in models:
        name = str(model.__tablename__)
        rows = [_column(column) for column in SQLModel.metadata.tables[name].columns]
        lines += [
            "",
            f"### {name}",
            "",
            words(model.__doc__),
            "",
            *table(("column", "type on PostgreSQL", "null", "refers to"), rows),
        ]
    lines += ["", "## Views"]
    for view, columns in _views().items():
        about = " ".join(re.findall(r"^-- (.*)$", view_sql("sqlite", view), re.MULTILINE))
        lines += ["", f"### {view}", "", about, "", ", ".join(f"`{name}`" for name in columns)]
    lines += ["", "## Functions on PostgreSQL", "", "Each returns `app.mutation_response`.", ""]
    return page("Database", *lines, *table(("function", "what it does"), _functions()))


def _column(column: Column[object]) -> tuple[str, str, str, str]:
    kind = column.type.compile(dialect=dialect()).partition(" COLLATE")[0].lower()  # type: ignore[no-untyped-call]
    refers_to = ", ".join(f"`{key.target_fullname}`" for key in column.foreign_keys)
    return f"`{column.name}`", kind, "yes" if column.nullable else "", refers_to


def _views() -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        migrate(url)
        engine = create_engine(url)
        found = {view: [str(column["name"]) for column in look_into(engine).get_columns(view)] for view in view_names()}
        engine.dispose()
    return found


def _functions() -> list[tuple[str, str]]:
    sql = (ROOT / "fraisier" / "record" / "functions" / "fn_deployment.sql").read_text()
    found = re.findall(r"^-- ([^\n]+)\nCREATE OR REPLACE FUNCTION (fn_\w+_deployment)\(", sql, re.MULTILINE)
    return [(f"`{name}`", about) for about, name in found]
