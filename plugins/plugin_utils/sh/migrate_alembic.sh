# shellcheck shell=sh
# Alembic, by itself or behind `flask db`, as it lies in the application's own environment. In: f_targets f_fork_program f_program
# f_module f_explain; functions run_once (program, configuration, extra) and run_forked (its interpreter and the same). Its history needs
# no database; what it prints on stdout besides revisions is not ours to trust, so only ids that the history knows count.
tool_look() {
  f_at="" f_pending=0
  [ -e "$f_work/history" ] || read_history
  ask_tool current
  f_rc=$?
  if [ "$f_rc" != 0 ]; then
    f_ahead=$(sed -n "s/.*Can't locate revision identified by '\([^']*\)'.*/\1/p" "$f_work/out" "$f_work/err" | tail -n 1)
    [ -n "$f_ahead" ] || fail_tool current
    emit "$1" "$f_ahead"
    emit ahead "$f_ahead"
    f_at=$f_ahead
    [ "$f_allow_ahead" = 1 ] || [ "$f_step" = look ] || [ "$1" = after ] || finish
    return 0
  fi
  known_revisions >"$f_work/current"
  f_at=$(paste -s -d , "$f_work/current")
  emit "$1" "$f_at"
  if heads | grep -Fvxq -f "$f_work/current"; then f_pending=1; fi
  [ "$1" = before ] || return 0
  emit is_pending "$f_pending"
  if [ "$f_explain" = 1 ] && [ "$f_pending" = 1 ]; then explain; fi
  if [ "$f_explain" = 1 ] || [ "$f_wants_marks" = 1 ]; then read_marks; fi
}
# Alembic's offline mode: what each pending revision would send. It ends at the first that cannot be told without a database.
explain() {
  case $f_at in *,*) return ;; esac
  ask_tool upgrade --sql "${f_at:-base}:heads" || emit sql_stopped 1
  if [ "$(wc -c <"$f_work/out")" -le "$f_longest_sql" ]; then emit_stream sql <"$f_work/out"; fi
}
# Our own mark of a migration that has no way back: the first line of its file.
read_marks() {
  ask_tool history --verbose || return 0
  sed -n 's/^Rev: \([^ ]*\).*/rev \1/p; s/^Path: /path /p' "$f_work/out" | while read -r f_kind f_value; do
    case $f_kind in
      rev) f_revision=$f_value ;;
      path) emit_mark "$f_revision" "$f_value" ;;
    esac
  done
}
# Once.
read_history() {
  ask_tool history
  f_rc=$?
  [ "$f_rc" = 0 ] || fail_tool history
  grep ' -> ' "$f_work/out" >"$f_work/history"
  emit_stream history <"$f_work/history"
}
known_revisions() {
  sed -n 's/^\([^ ]*\)\( ([^)]*)\)*$/\1/p' "$f_work/out" | sort -u | while IFS= read -r f_revision; do
    revisions | sed 's/ .*//' | grep -Fx -e "$f_revision" || :
  done
}
# Each with its marks, such as (head), and without its message, which may hold anything.
revisions() { sed -n 's/^<base>/base/; s/^[^>]* -> \([^ ,]*\)\(\( ([^)]*)\)*\).*/\1\2/p' "$f_work/history"; }
# Heads proper: one that another revision depends on is implied by it, and is in no table.
heads() { revisions | sed -n 's/ .*(head).*//p' | sort -u; }
each_target() {
  while IFS= read -r f_goal; do
    ask_tool "$1" "$f_goal" || return
  done <<TARGETS
$f_targets
TARGETS
}

tool_up() { each_target upgrade; }
tool_down() { each_target downgrade; }

can_fork() {
  inside find_program
  f_script=$(cat "$f_work/out")
  f_interpreter=$(sed -n '1s|^#!\(/[^ ]*/python[0-9.]*\)$|\1|p; 1q' "$f_script" 2>/dev/null)
  [ -n "$f_interpreter" ] && grep -q "^from $f_module import main\$" "$f_script" || return 1
  # What installers write has nothing else in it; what somebody wrote himself is started as it is.
  ! grep -Evq "^(#.*|import (re|sys)|from $f_module import main|if __name__ == .*| +.*sys\\.argv.*| +sys.exit\\(main\\(\\)\\))?\$" "$f_script"
}
find_program() { command -v "$f_program"; }
