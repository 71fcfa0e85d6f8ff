from datetime import UTC, datetime, timedelta

from fraisier.show.text import age, duration, table

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_wide_table_is_wrapped_and_nothing_is_cut_off() -> None:
    message = (
        "localhost: health: answered 500 after 8 s, expected 200; the service said: Traceback most recent call last"
    )
    text = table(("ID", "STATUS", "ERROR"), [("0123abcd", "rollback_failed", message)], width=80)
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "rollback_failed" in text
    assert " ".join(line[27:].strip() for line in lines[1:]) == message


def test_where_no_wide_column_can_give_a_narrow_one_is_wrapped() -> None:
    headers = ("ID", "TARGET", "KIND", "STATUS", "VERSION", "WHEN", "TOOK")
    row = ("2a4454f0", "my_api/production", "deploy", "rolled_back", "e7c6dc9", "14 min ago", "1 min 01 s")
    lines = table(headers, [row], width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines[1:]).split()) == " ".join([*row[:5], "14 min", *row[6:], "ago"])


def test_a_narrow_table_takes_no_more_room_than_it_needs() -> None:
    assert table(("A", "B"), [("1", "two")], width=80).splitlines() == ["A  B", "1  two"]


def test_durations_read_like_a_person_says_them() -> None:
    assert [duration(s) for s in (None, 0.04, 59.94, 61, 3600, 7325)] == [
        "-", "0.0 s", "59.9 s", "1 min 01 s", "1 h 00 min", "2 h 02 min",
    ]  # fmt: skip


def test_ages_use_the_largest_unit_that_fits() -> None:
    found = [age(NOW - timedelta(seconds=s), NOW) for s in (3, 180, 7200, 3 * 86400)]
    assert found == ["3 s ago", "3 min ago", "2 h ago", "3 d ago"]
    assert age(None, NOW) == "never"
