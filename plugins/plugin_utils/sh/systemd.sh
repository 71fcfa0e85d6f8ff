# shellcheck shell=sh
# A service under systemd. In: f_app_path f_unit f_scope f_content f_state_wanted f_environment_text f_write_environment
# f_fingerprint f_start_timeout_seconds f_stop_timeout_seconds f_settle_polls f_log_lines.
f_name=$f_unit
f_record=$f_app_path/.fraisier/service-$f_unit
f_rewritten=0
f_changed=0

unit_file() {
  if [ "$f_scope" = user ]; then
    f_folder=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
  else
    f_folder=/etc/systemd/system
  fi
  f_file=$f_folder/$f_unit
}
write_unit() {
  [ -n "$f_content" ] || return 0
  unit_file
  emit unit_file "$f_file"
  if [ "$f_diff" = 1 ] && [ -f "$f_file" ]; then emit_text unit_before "$(cat "$f_file")"; fi
  [ "$f_check" = 1 ] || make_folder "$f_folder"
  write_file "$f_file" 0644 "$f_content"
  [ "$f_wrote" = 0 ] || f_rewritten=1
  emit unit_changed "$f_wrote"
}
control() {
  f_said=$(limited_sc "$@" 2>&1) && return 0
  f_rc=$?
  probe
  emit rc "$f_rc"
  emit_text stderr "$f_said"
  fail_with_log "systemctl $1 $f_unit failed: $f_said"
}
limited_sc() {
  seconds_left
  if [ "$f_scope" = user ]; then set -- --user "$@"; fi
  limited systemctl "$@"
}
# A user's services end with the last session unless the user lingers.
linger() {
  [ "$f_scope" = user ] || return 0
  f_me=$(id -un)
  [ -e "/var/lib/systemd/linger/$f_me" ] && return 0
  loginctl enable-linger >/dev/null 2>&1 && return 0
  emit warning "user $f_me does not linger: the service ends with the last session (loginctl enable-linger $f_me)"
}
stop_service() {
  if [ "$f_state" = stopped ] && ! is_enabled; then finish_with; fi
  f_changed=1
  [ "$f_check" = 1 ] && finish_with
  if [ -n "$f_content" ]; then control disable --now -- "$f_unit"; else control stop -- "$f_unit"; fi
  rm -f "$f_record"
  probe
  finish_with
}
# Only a unit that we wrote is ours to enable and disable.
is_enabled() { [ -n "$f_content" ] && sc is-enabled --quiet -- "$f_unit" 2>/dev/null; }
finish_with() {
  emit changed "$f_changed"
  emit_service
  finish
}

has systemctl || fail "systemctl is not on the host: is systemd there?"
user_bus
instance_release
probe
set_deadline $((f_start_timeout_seconds + f_stop_timeout_seconds))
[ "$f_state_wanted" = stopped ] && stop_service
write_environment
write_credentials
write_unit
if [ "$f_rewritten" = 0 ] && is_started_for_this_release && { [ -z "$f_content" ] || is_enabled; }; then finish_with; fi
f_changed=1
[ "$f_check" = 1 ] && finish_with
if [ -n "$f_content" ]; then
  control daemon-reload
  is_enabled || control enable -- "$f_unit"
fi
linger
if [ "$f_rewritten" = 1 ] || ! is_started_for_this_release; then
  rm -f "$f_record"
  control restart -- "$f_unit"
  set_deadline "$f_start_timeout_seconds"
  wait_until_up
fi
remember_process
finish_with
