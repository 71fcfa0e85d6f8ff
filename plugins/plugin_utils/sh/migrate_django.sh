# shellcheck shell=sh
# Django's migrations, asked in one process that has read the settings (django_fork.py). In: f_fork_program f_manage f_database f_target
# (app.name, with commas) f_explain; function run_python (its arguments are the program's).
tool_look() {
  f_pending=0
  ask_tool look
  f_rc=$?
  [ "$f_rc" = 0 ] || fail_tool look
  f_at=$(sed -n 's/^at //p' "$f_work/out")
  emit "$1" "$f_at"
  if grep -q '^pending ' "$f_work/out"; then f_pending=1; fi
  [ "$1" = before ] || return 0
  emit is_pending "$f_pending"
  for f_key in applied pending ahead marked; do
    if sed -n "s/^$f_key //p" "$f_work/out" >"$f_work/lines" && [ -s "$f_work/lines" ]; then emit_stream "$f_key" <"$f_work/lines"; fi
  done
  sed -n 's/^file //p' "$f_work/out" >"$f_work/lines"
  while read -r f_name f_file; do emit_mark "$f_name" "$f_file"; done <"$f_work/lines"
  if grep -q '^ahead ' "$f_work/out"; then [ "$f_allow_ahead" = 1 ] || [ "$f_step" = look ] || finish; fi
  if [ "$f_explain" = 1 ] && [ "$f_pending" = 1 ]; then explain; fi
}
explain() {
  ask_tool explain || return 0
  if [ "$(wc -c <"$f_work/out")" -le "$f_longest_sql" ]; then emit_stream sql <"$f_work/out"; fi
}
tool_up() { ask_tool up; }
tool_down() { ask_tool down "${f_target:-base}"; }

can_fork() { :; }
run_forked() {
  f_python=$(command -v python || command -v python3) || return 127
  run_python "$f_python" -c "$f_fork_program" "$f_manage" "$f_work" "$f_database"
}
run_once() {
  printf '%s\n' "$*" | run_forked | {
    IFS= read -r f_code || f_code=1
    return "$f_code"
  }
}
