# shellcheck shell=sh
# The user's own commands. In: f_has_current f_has_pending f_has_down f_pending_rc f_migrations_dir f_explain; functions run_current
# run_pending run_up run_down.
tool_look() {
  f_at="" f_pending=1
  if [ "$f_has_current" = 1 ]; then
    inside run_current
    f_rc=$?
    [ "$f_rc" = 0 ] || fail_tool current
    f_at=$(grep . "$f_work/out" | head -n 1)
    emit "$1" "$f_at"
  fi
  [ "$1" = before ] || f_pending=0
  [ "$1" = before ] && [ "$f_has_pending" = 1 ] || return 0
  inside run_pending
  f_rc=$?
  if [ "$f_pending_rc" = 0 ] && [ "$f_rc" = 0 ]; then
    f_pending=$([ -s "$f_work/out" ] && echo 1 || echo 0)
  elif [ "$f_rc" = 0 ]; then
    f_pending=0
  elif [ "$f_rc" != "$f_pending_rc" ]; then
    fail_tool pending
  fi
  emit is_pending "$f_pending"
  [ "$f_pending" = 0 ] || grep . "$f_work/out" >"$f_work/pending"
  [ "$f_pending" = 0 ] || emit_stream pending <"$f_work/pending"
  [ "$f_pending" = 0 ] || [ "$f_explain" = 0 ] || explain
}
# A pending line that names a file of the folder of migrations is read there.
explain() {
  [ -n "$f_migrations_dir" ] || return 0
  while IFS= read -r f_name; do
    for f_file in "$f_directory/$f_migrations_dir/$f_name" "$f_directory/$f_migrations_dir/$f_name.sql" "$f_directory/$f_migrations_dir/$f_name.up.sql"; do
      case $f_name in */*) break ;; esac
      [ -f "$f_file" ] || continue
      [ "$(wc -c <"$f_file")" -le "$f_longest_sql" ] || continue
      emit_mark "$f_name" "$f_file"
      { printf -- '-- Running %s\n' "$f_name"; cat "$f_file"; } | emit_stream sql
      break
    done
  done <"$f_work/pending"
}
tool_up() { inside run_up; }
tool_down() { inside run_down; }
