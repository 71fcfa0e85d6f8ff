#!/usr/bin/env python3
"""Moves orders from a CSV file into SQLite, those that are new; says how many."""

import argparse
import csv
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--since", default="", help="only orders of this day (YYYY-MM-DD) and later")
    since = parser.parse_args().since
    try:
        with Path(os.environ["SOURCE"]).open(newline="") as file:
            orders = [(row["number"], row["day"]) for row in csv.DictReader(file) if row["day"] >= since]
    except (OSError, KeyError) as error:
        print(f"the orders cannot be read: {error}", file=sys.stderr)
        return 1
    with closing(sqlite3.connect(os.environ["TARGET"])) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, day TEXT)")
        before = database.total_changes
        database.executemany("INSERT OR IGNORE INTO orders VALUES (?, ?)", orders)
        print(f"{database.total_changes - before} of {len(orders)} orders were new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
