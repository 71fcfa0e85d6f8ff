# shellcheck shell=sh
# Asks the service until it is healthy or time is up. In: f_app_path f_url f_curl_config f_python_program f_http f_statuses
# f_fragment f_has_command f_after_start f_activated_at f_timeout_seconds f_interval_seconds f_request_timeout_seconds
# f_log_lines and what process.sh needs; functions health_environment, run_health.
f_attempts=0
f_line_break='
'

get() {
  f_status=0 f_error=
  if has curl; then
    f_got=$(printf '%s\n' "$f_curl_config" | curl -q --config - 2>&1)
  elif has python3; then
    f_got=$(FRAISIER_HTTP=$f_http python3 -c "$f_python_program" 2>&1)
  else
    fail "neither curl nor python3 is on the host: the health check needs one of them"
  fi || {
    # What curl says, less the status of an answer that did not come.
    f_error=${f_got%"$f_line_break"000}
    f_answer=
    return 1
  }
  f_status=${f_got##*"$f_line_break"}
  f_answer=${f_got%"$f_line_break"*}
}
# The cheap part; the exact look at version and header is the plugin's.
answers_well() {
  [ -n "$f_url" ] || return 0
  f_reason=answer
  get || return 1
  case " $f_statuses " in *" $f_status "*) ;; *) return 1 ;; esac
  [ -z "$f_fragment" ] || printf '%s' "$f_answer" | grep -Fqi -e "$f_fragment"
}
command_succeeds() {
  [ "$f_has_command" = 1 ] || return 0
  f_reason="command"
  f_command_said=$( (
    health_environment
    cd "$f_app_path/$f_place" 2>/dev/null || cd "$f_app_path" || exit 1
    set_deadline "$f_request_timeout_seconds"
    run_health
  ) 2>&1)
  f_command_rc=$?
  [ "$f_command_rc" = 0 ]
}
process_is_right() {
  [ "$f_manager" != none ] || return 0
  f_reason=process
  probe
  [ "$f_state" = running ] || return 1
  [ "$f_after_start" = 1 ] || return 0
  f_reason=restart
  awk -v s="$f_started" -v a="$f_activated_at" 'BEGIN { exit !(s + 0 >= a + 0) }'
}
report() {
  emit attempts "$f_attempts"
  emit status "${f_status:-0}"
  [ -z "${f_error:-}" ] || emit_text error "$f_error"
  [ -z "${f_answer:-}" ] || printf '%s' "$f_answer" | head -c 65536 | emit_stream answer
  [ "$f_manager" = none ] || emit_service
}
report_failure() {
  [ "$f_manager" = none ] || probe
  emit failed 1
  emit reason "$f_reason"
  emit command_rc "${f_command_rc:-0}"
  [ -z "${f_command_said:-}" ] || emit_text stderr "$(printf '%s' "$f_command_said" | tail -c 4000)"
  report
  emit_log "$f_log_lines"
  finish
}

user_bus
f_state=unknown f_pid=0 f_started=0
set_deadline "$f_timeout_seconds"
while :; do
  f_attempts=$((f_attempts + 1))
  if answers_well && command_succeeds && process_is_right; then
    report
    finish
  fi
  [ "$(date +%s)" -lt "$f_deadline" ] || report_failure
  pause "$f_interval_seconds"
done
