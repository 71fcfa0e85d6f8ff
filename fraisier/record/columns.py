"""The kinds of columns that the tables are made of, alike on both engines."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from sqlalchemy import JSON, BigInteger, CheckConstraint, DateTime, Dialect, Identity, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field

from fraisier.record import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts rows by themselves only in a column of type INTEGER
DOCUMENT = JSON().with_variant(JSONB(), "postgresql")


class Moment(TypeDecorator[datetime]):
    """A time with its zone: timestamptz on PostgreSQL, on SQLite text in ISO 8601 that sorts as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return encode.moment(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        return encode.read_moment(value)


def pk() -> Any:
    return Field(default=None, primary_key=True, sa_type=BIG, sa_column_args=(Identity(),))


ID = String(36).with_variant(String(36, collation="C"), "postgresql")  # looked up by prefix: order of bytes


def id_() -> Any:
    return Field(default_factory=lambda: str(uuid4()), sa_type=ID)


def words(default: str | None = "") -> Any:
    return Field(default=default, sa_type=Text, sa_column_kwargs={"server_default": default})


def maybe(kind: Any = Text) -> Any:
    return Field(default=None, sa_type=kind)


def number(default: int = 0, kind: Any = Integer) -> Any:
    return Field(default=default, sa_type=kind, sa_column_kwargs={"server_default": str(default)})


def flag() -> Any:
    return Field(default=False, sa_column_kwargs={"server_default": text("false")})


def when() -> Any:
    return Field(sa_type=Moment)


def fk(column: str, on_delete: Literal["CASCADE", "SET NULL"]) -> Any:
    return Field(default=None, sa_type=BIG, foreign_key=column, ondelete=on_delete)


def one_of(table: str, column: str, words: Iterable[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=f"ck_{table}_{column}")


def where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
