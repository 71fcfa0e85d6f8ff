# shellcheck shell=sh
# SQLite, by its online backup: whoever writes may go on. In: f_path f_compress.
sqlite() { # FILE COMMAND...
  f_file=$1
  shift
  printf '%s\n' ".timeout 60000" "$@" >"$f_work/in"
  limited sqlite3 -batch -bail -init /dev/null "$f_file" <"$f_work/in" >"$f_work/out" 2>"$f_work/err"
}
source_exists() { [ -e "$f_path" ]; }
source_ready() {
  need sqlite3 sqlite3
  [ -f "$f_path" ] || fail "$f_path is not there: no database can be copied"
  sqlite "$f_path" "PRAGMA schema_version;" || fail_run "$f_path cannot be read as a database" "$?"
  f_database=$f_path
  f_tool="sqlite3 $(sqlite3 --version | cut -d ' ' -f 1)"
}
source_dump() { # FOLDER; the shell's own commands know no path with a quote, so they are given names without a folder
  f_said=$(cd "$1" && sqlite "$f_path" ".backup main dump" 2>&1) || fail_run "the online backup of $f_path failed" 1
  [ -s "$1/dump" ] || fail_run "the online backup of $f_path wrote nothing" 1
  [ "$f_compress" = 0 ] || f_said=$(limited gzip -n "$1/dump" 2>&1) || fail_with "gzip failed" 1 "$f_said"
}
source_check() { # FOLDER
  read_dump "$1" "$f_work/read"
  sqlite "$f_work/read" "PRAGMA integrity_check;" || broken "sqlite3 cannot read it" "$(cat "$f_work/err")"
  [ "$(cat "$f_work/out")" = ok ] || broken "its integrity check failed" "$(head -n 20 "$f_work/out")"
  sqlite "$f_work/read" "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\';"
  f_tables=$(cat "$f_work/out")
  rm -f "$f_work/read" "$f_work/read-wal" "$f_work/read-shm"
}
read_dump() { # FOLDER FILE
  if [ -f "$1/dump.gz" ]; then f_said=$(gzip -dc "$1/dump.gz" 2>&1 >"$2"); else f_said=$(cp "$1/dump" "$2" 2>&1); fi ||
    broken "its dump cannot be read" "$f_said"
}
