# shellcheck shell=sh
# Alembic, as it lies in the application's own environment. In: f_targets f_fork_program; functions run_alembic (program, configuration,
# extra) and fork_alembic (its interpreter and the same). Its history needs no database; what it prints on stdout besides revisions is
# not ours to trust, so only ids that the history knows count.
tool_look() {
  f_at="" f_pending=0
  [ -e "$f_work/history" ] || read_history
  ask_alembic current
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
  [ "$1" = after ] || emit is_pending "$f_pending"
}
# Once.
read_history() {
  ask_alembic history
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
    ask_alembic "$1" "$f_goal" || return
  done <<TARGETS
$f_targets
TARGETS
}

tool_up() { each_target upgrade; }
tool_down() { each_target downgrade; }

# Each start of Alembic takes the better part of a second, nearly all of it for imports: one process imports, and forks for each command.
# Descriptors 6 and 7 lead to it and back. Where it cannot be had, each command starts Alembic.
f_alembic=forks f_opened_until='' f_has_answered=0
ask_alembic() {
  if [ "$f_alembic" = forks ] && [ "$f_opened_until" != "$f_deadline" ]; then
    [ -z "$f_opened_until" ] || close_alembic
    open_alembic || f_alembic=starts
  fi
  if [ "$f_alembic" = starts ]; then
    inside run_alembic "$@"
    return
  fi
  (printf '%s\n' "$*" >&6) 2>/dev/null
  if IFS= read -r f_code <&7; then
    f_has_answered=1
    return "$f_code"
  fi
  close_alembic
  [ "$f_has_answered" = 0 ] && [ "$f_code" != 124 ] || return "$f_code"
  f_alembic=starts
  ask_alembic "$@"
}
open_alembic() {
  inside find_alembic
  f_script=$(cat "$f_work/out")
  f_interpreter=$(sed -n '1s|^#!\(/[^ ]*/python[0-9.]*\)$|\1|p; 1q' "$f_script" 2>/dev/null)
  [ -n "$f_interpreter" ] && grep -q '^from alembic.config import main$' "$f_script" || return 1
  # What installers write has nothing else in it; what somebody wrote himself is started as it is.
  ! grep -Evq '^(#.*|import (re|sys)|from alembic.config import main|if __name__ == .*| +.*sys\.argv.*| +sys.exit\(main\(\)\))?$' "$f_script" || return 1
  rm -f "$f_work/ask" "$f_work/told"
  mkfifo "$f_work/ask" "$f_work/told" 2>/dev/null || return 1
  there fork_alembic <"$f_work/ask" >"$f_work/told" 2>"$f_work/err" &
  f_fork=$!
  exec 6>"$f_work/ask" 7<"$f_work/told"
  f_opened_until=$f_deadline
}
find_alembic() { command -v alembic; }
# Sets f_code to how it ended.
close_alembic() {
  exec 6>&- 7<&-
  wait "$f_fork"
  f_code=$?
}
