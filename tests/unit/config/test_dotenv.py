"""The .env file, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraisier.config.dotenv import parse_dotenv
from fraisier.errors import ConfigError
from tests.unit.config.conftest import Load, Messages, api


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A=", ""),
        ("A =  b c ", "b c"),
        ("  export A=b", "b"),
        ("A=b#c", "b#c"),
        ("A=b # c", "b"),
        ("A= # c", ""),
        ("A=$HOME/${B}", "$HOME/${B}"),
        ("A='b # \"c\" \\n'", 'b # "c" \\n'),
        ('A="b # \\"c\\" \\n\\\\ \\$"  # d', 'b # "c" \n\\ $'),
        ("A=b'c'", "b'c'"),
        ("A=postgresql://me:p=w@h/d?x=1", "postgresql://me:p=w@h/d?x=1"),
        ("A=b\r", "b"),
        ("A=é", "é"),
    ],
)
def test_a_line_has_one_meaning(line: str, value: str) -> None:
    assert parse_dotenv(f"# first\n\n{line}\nZ=last\n".encode()) == {"A": value, "Z": "last"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hunter2", "expected NAME=value, with quotes closed on the same line"),
        ("1A=hunter2", "expected NAME=value, with quotes closed on the same line"),
        ("A-B=hunter2", "expected NAME=value, with quotes closed on the same line"),
        ('A="hunter2', "expected NAME=value, with quotes closed on the same line"),
        ("A='hunter2", "expected NAME=value, with quotes closed on the same line"),
        ('A="hunter2" more', "expected NAME=value, with quotes closed on the same line"),
        ('A="hunter2\\x"', r"the value of A holds an unknown escape, \x"),
        ("A=hunter2\0", "the value of A holds a NUL character"),
        ("FIRST=hunter2", "FIRST is given twice"),
    ],
)
def test_any_other_line_is_an_error_without_its_value(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_dotenv(f"FIRST=1\n{line}\n".encode(), "config/.env")
    assert str(caught.value) == f"config/.env:2:1: {message}"


def test_all_faults_are_told() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_dotenv(b"a\nB=1\nc\n")
    assert [problem.line for problem in caught.value.problems] == [1, 3]


def test_other_encodings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^\.env:2:1: is not UTF-8 text$"):
        parse_dotenv("A=b\nB=é".encode("latin-1"))


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), st.text("ab \n\t\"'\\$#=é\r", max_size=12)
    )
)
def test_what_is_quoted_comes_back(values: dict[str, str]) -> None:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "$": "\\$"}
    lines = [f'{name}="{"".join(escapes.get(c, c) for c in value)}"' for name, value in values.items()]
    assert parse_dotenv("\n".join(lines).encode()) == values


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        values = parse_dotenv(content)
    except ConfigError as error:
        assert error.problems
    else:
        assert all("\0" not in value for value in values.values())


def test_the_file_beside_gives_values_and_the_process_wins(load: Load) -> None:
    text = api(settings="user: ${WHO}\nport: ${PORT}")
    config = load(text, {"WHO": "outer"}, dotenv="WHO=inner\nPORT=2222\n")
    settings = config.get_fraise_environment("my_api", "production").settings
    assert (settings.user, settings.port) == ("outer", 2222)
    assert config.environ == {"WHO": "outer", "PORT": "2222"}


def test_a_fault_in_it_is_a_fault_of_the_configuration(messages: Messages) -> None:
    assert messages(api(), dotenv="oops\n") == [".env:1:1: expected NAME=value, with quotes closed on the same line"]
