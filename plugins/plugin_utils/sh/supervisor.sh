# shellcheck shell=sh
# A service under a supervisord of its own, for hosts without systemd or without root. In: f_app_path f_program f_home f_python
# f_venv f_package f_exec f_state_wanted f_environment_text f_write_environment f_fingerprint f_start_timeout_seconds
# f_stop_timeout_seconds f_settle_polls f_log_lines.
f_name="program $f_program"
f_record=$f_app_path/.fraisier/service-$f_program
f_conf=$f_home/supervisord.conf
f_ini=$f_home/conf.d/$f_program.ini
f_rewritten=0
f_changed=0

ctl() { limited "$f_venv/bin/supervisorctl" -c "$f_conf" "$@" </dev/null; }
# The path of a unix socket has 107 characters at most, and supervisord first adds its pid to it.
socket_path() {
  f_socket=$f_home/run/supervisor.sock
  [ "${#f_socket}" -gt 95 ] || return 0
  f_private=${XDG_RUNTIME_DIR:-/tmp}/fraisier-$(id -u)
  [ "$f_check" = 1 ] || mkdir -m 0700 "$f_private" 2>/dev/null
  if [ -L "$f_private" ] || { [ -d "$f_private" ] && [ ! -O "$f_private" ]; }; then
    fail "$f_private is not ours: the socket of supervisord cannot live there"
  fi
  f_socket=$f_private/$f_short.sock
}
conf_text() {
  cat <<CONF
; Written by Fraisier; changes are overwritten.
[unix_http_server]
file=$f_socket
chmod=0700
[supervisord]
logfile=$f_home/log/supervisord.log
logfile_maxbytes=10MB
logfile_backups=3
pidfile=$f_home/run/supervisord.pid
childlogdir=$f_home/log
identifier=fraisier
umask=022
user=$(id -un)
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://$f_socket
[include]
files=$f_home/conf.d/*.ini
CONF
}
ini_text() {
  cat <<INI
; Written by Fraisier; changes are overwritten.
[program:$f_program]
command=/bin/sh $f_home/bin/$f_program
directory=$f_app_path/$f_place
autostart=true
autorestart=true
startsecs=1
startretries=3
stopsignal=TERM
stopwaitsecs=$f_stop_timeout_seconds
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=$f_home/log/$f_program.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=5
INI
}
keep_file() {
  write_file "$1" "$2" "$3"
  [ "$f_wrote" = 0 ] || f_rewritten=1
}
write_files() {
  if [ "$f_check" = 0 ]; then
    make_folder "$f_home/conf.d" "$f_home/bin" "$f_home/log" "$f_home/run"
    chmod 0700 "$f_home/run" "$f_home/log" 2>/dev/null || fail "cannot protect $f_home/run"
  fi
  if [ "$f_diff" = 1 ] && [ -f "$f_home/bin/$f_program" ]; then emit_text unit_before "$(cat "$f_home/bin/$f_program")"; fi
  emit unit_file "$f_home/bin/$f_program"
  write_file "$f_conf" 0644 "$(conf_text)"
  f_conf_changed=$f_wrote
  keep_file "$f_home/bin/$f_program" 0755 "$f_launcher"
  emit unit_changed "$f_wrote"
  write_file "$f_ini" 0644 "$(ini_text)"
  f_ini_changed=$f_wrote
}

is_installed() { [ -x "$f_venv/bin/supervisord" ] && [ ! -e "$f_venv/.installing" ]; }
install_supervisor() {
  is_installed && return 0
  set_deadline 600
  make_folder "$f_venv"
  : >"$f_venv/.installing"
  f_said=$(limited "$f_python" -m venv "$f_venv" 2>&1) || fail_with "cannot create a virtual environment with $f_python" "$?" "$f_said"
  f_said=$(PIP_DISABLE_PIP_VERSION_CHECK=1 limited "$f_venv/bin/pip" install --quiet "$f_package" 2>&1) ||
    fail_with "cannot install $f_package" "$?" "$f_said"
  rm -f "$f_venv/.installing"
}
# The pid file may be older than a reboot: the process must have been started with our file.
is_alive() {
  f_boss=$(cat "$f_home/run/supervisord.pid" 2>/dev/null) || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$f_boss/cmdline" | grep -Fqx -- "$f_conf"
}
# A clean environment and a session of its own: it must outlive the ssh session and know nothing of the one who deployed.
start_supervisord() {
  f_said=$(cd "$f_home" && env -i HOME="${HOME:-/}" PATH="$PATH" LANG="${LANG:-C.UTF-8}" \
    setsid "$f_venv/bin/supervisord" -c "$f_conf" </dev/null 2>&1 >"$f_home/log/start.log" 8>&- 9>&-) ||
    fail_with "supervisord did not start" "$?" "$f_said$(cat "$f_home/log/start.log")"
}
stop_supervisord() {
  ctl shutdown >/dev/null 2>&1
  while is_alive; do
    [ "$(date +%s)" -lt "$f_deadline" ] || fail "supervisord did not end within $f_stop_timeout_seconds s"
    pause 0.1
  done
}
# From STARTING on the program either comes to RUNNING or has died; BACKOFF is a death that supervisord would try again.
wait_until_started() {
  while :; do
    f_said=$(ctl status "$f_program" 2>&1)
    # shellcheck disable=SC2086  # split into words on purpose
    set -- $f_said
    case ${2:-} in
      RUNNING) break ;;
      STARTING | STOPPING) ;;
      *) died "${2:-unknown}" ;;
    esac
    [ "$(date +%s)" -lt "$f_deadline" ] || died "still ${2:-unknown} after $f_start_timeout_seconds s"
    pause 0.2
  done
}
died() {
  probe
  emit_text stderr "$f_said"
  fail_with_log "$f_name did not stay up after its start ($1)"
}
start_or_restart() {
  set_deadline $((f_start_timeout_seconds + f_stop_timeout_seconds))
  if is_alive && [ "$f_conf_changed" = 1 ]; then stop_supervisord; fi
  if ! is_alive; then
    start_supervisord
  elif [ "$f_ini_changed" = 1 ]; then
    f_said=$(ctl update "$f_program" 2>&1) || fail_with "supervisorctl update failed" "$?" "$f_said"
  else
    f_said=$(ctl restart "$f_program" 2>&1)
    case $f_said in *"$f_program: started"*) return 0 ;; esac
  fi
  wait_until_started
}
stop_service() {
  if [ "$f_state" = stopped ] && [ ! -e "$f_ini" ]; then finish_with; fi
  f_changed=1
  [ "$f_check" = 1 ] && finish_with
  rm -f "$f_ini" "$f_record"
  if is_alive; then
    f_said=$(ctl update "$f_program" 2>&1) || fail_with "supervisorctl update failed" "$?" "$f_said"
    [ -n "$(ls "$f_home/conf.d")" ] || stop_supervisord
  fi
  probe
  [ "$f_state" = stopped ] || fail "$f_name is still running (pid $f_pid)"
  finish_with
}
finish_with() {
  emit changed "$f_changed"
  emit_service
  finish
}

f_ini_changed=0 f_conf_changed=0
instance_release
socket_path
probe
set_deadline $((f_start_timeout_seconds + f_stop_timeout_seconds))
[ "$f_state_wanted" = stopped ] && stop_service
write_environment
write_credentials
write_files
if [ "$f_rewritten$f_ini_changed$f_conf_changed" = 000 ] && is_started_for_this_release; then finish_with; fi
f_changed=1
[ "$f_check" = 1 ] && finish_with
install_supervisor
rm -f "$f_record"
start_or_restart
probe
[ "$f_state" = running ] || fail_with_log "$f_name did not stay up after its start"
remember_process
finish_with
