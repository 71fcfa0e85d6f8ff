# shellcheck shell=sh
# Confiture, which speaks PostgreSQL only. In: f_has_config f_migrations_dir f_target (a version, or empty) f_step f_explain; functions
# run_confiture VERB (its options) and run_up (confiture_step up, with the user's own arguments). What it says is read from a file: its stdout is not clean.
confiture() {
  f_said=$f_work/said.json
  rm -f "$f_said"
  inside run_confiture "$@" --format json --output "$f_said"
}
fail_confiture() {
  if [ -s "$f_said" ]; then emit_stream report <"$f_said"; fi
  [ "$f_rc" != 6 ] || emit locked 1
  fail_tool "$1"
}
# One call tells every version that the ledger has, also those whose files are gone, and writes nothing: `status` would do neither. In an
# empty folder there are no checks to run.
tool_look() {
  f_pending=0
  [ -d "$f_directory/$f_migrations_dir" ] || fail "there is no folder $f_migrations_dir in the release: no migration can be looked for there"
  mkdir -p "$f_work/empty"
  confiture verify --migrations-dir "$f_work/empty"
  f_rc=$?
  if [ "$f_rc" != 0 ] && ! grep -q '"PRECON_1001"' "$f_said" 2>/dev/null; then fail_confiture current; fi
  sed -n 's/^ *"version": "\([^"]*\)",*$/\1/p' "$f_said" | LC_ALL=C sort -u >"$f_work/applied"
  versions >"$f_work/versions"
  LC_ALL=C comm -13 "$f_work/applied" "$f_work/versions" >"$f_work/pending"
  f_at=$(paste -s -d , "$f_work/applied")
  emit "$1" "$f_at"
  if [ -s "$f_work/pending" ]; then f_pending=1; fi
  [ "$1" = before ] || return 0
  emit is_pending "$f_pending"
  emit_stream version <"$f_work/versions"
  find_ways_down
  LC_ALL=C comm -23 "$f_work/applied" "$f_work/versions" >"$f_work/gone"
  if [ -s "$f_work/gone" ]; then
    emit_stream ahead <"$f_work/gone"
    [ "$f_allow_ahead" = 1 ] || [ "$f_step" = look ] || finish
  fi
  if [ "$f_explain" = 1 ] && [ "$f_pending" = 1 ]; then explain; fi
}
files() {
  for f_file in "$f_directory/$f_migrations_dir"/*; do
    case ${f_file##*/} in
      _*) ;;
      *_*.up.sql | *_*.py) printf '%s\n' "$f_file" ;;
    esac
  done
}
versions() { files | sed 's|.*/||; s/_.*//' | LC_ALL=C sort -u; }
# Marked ones, and SQL without its other half.
find_ways_down() {
  files | while IFS= read -r f_file; do
    f_version_here=${f_file##*/}
    f_version_here=${f_version_here%%_*}
    emit_mark "$f_version_here" "$f_file"
    case $f_file in
      *.up.sql) [ -f "${f_file%.up.sql}.down.sql" ] || emit marked "$f_version_here it has no .down.sql" ;;
    esac
  done
}
# Its own grades. Of all files, without the database.
explain() {
  confiture preflight --migrations-dir "$f_migrations_dir"
  f_rc=$?
  case $f_rc in
    0 | 7) emit_stream preflight <"$f_said" ;;
    *) fail_confiture preflight ;;
  esac
}
tool_up() {
  run_up --migrations-dir "$f_migrations_dir" --lock-timeout "$((f_lock_timeout_seconds * 1000))" ${f_target:+--target "$f_target"}
}
tool_down() {
  if [ -n "$f_target" ]; then
    confiture_step down-to "$f_target" --migrations-dir "$f_migrations_dir"
  else
    confiture_step down --migrations-dir "$f_migrations_dir" --steps "$(grep -c . "$f_work/applied")"
  fi
}
# A failed `up` says "ok": true; only the exit code and "success" count.
confiture_step() {
  confiture "$@"
  f_rc=$?
  if [ "$f_rc" = 0 ] && grep -q '^ *"success": false' "$f_said"; then f_rc=1; fi
  [ "$f_rc" = 0 ] && return 0
  if [ -s "$f_said" ]; then emit_stream report <"$f_said"; fi
  [ "$f_rc" != 6 ] || emit locked 1
  return "$f_rc"
}
