# shellcheck shell=sh
# Each start of a tool in Python takes half a second or more, nearly all of it for imports: one process imports, and forks for each
# command. Descriptors 6 and 7 lead to it and back. Where it cannot be had, each command starts the tool. From the tool's file: can_fork,
# run_forked (that process) and run_once COMMAND.
f_fork=on f_opened_until='' f_has_answered=0
ask_tool() {
  if [ "$f_fork" = on ] && [ "$f_opened_until" != "$f_deadline" ]; then
    [ -z "$f_opened_until" ] || close_fork
    open_fork || f_fork=off
  fi
  if [ "$f_fork" = off ]; then
    inside run_once "$@"
    return
  fi
  (printf '%s\n' "$*" >&6) 2>/dev/null
  if IFS= read -r f_code <&7; then
    f_has_answered=1
    return "$f_code"
  fi
  close_fork
  [ "$f_has_answered" = 0 ] && [ "$f_code" != 124 ] || return "$f_code"
  f_fork=off
  ask_tool "$@"
}
open_fork() {
  can_fork || return 1
  rm -f "$f_work/ask" "$f_work/told"
  mkfifo "$f_work/ask" "$f_work/told" 2>/dev/null || return 1
  there run_forked <"$f_work/ask" >"$f_work/told" 2>"$f_work/err" &
  f_forked=$!
  exec 6>"$f_work/ask" 7<"$f_work/told"
  f_opened_until=$f_deadline
}
# Sets f_code to how it ended.
close_fork() {
  exec 6>&- 7<&-
  wait "$f_forked"
  f_code=$?
}
