# shellcheck shell=sh
# The process of a service, its start, its log. In: f_manager f_unit f_scope f_program f_home, and for docker_compose what
# compose.sh needs.
user_bus() {
  [ "$f_scope" = user ] || return 0
  XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
  export XDG_RUNTIME_DIR
}
sc() {
  if [ "$f_scope" = user ]; then systemctl --user "$@"; else systemctl "$@"; fi
}

# Sets f_state (running, starting, stopped, failed), f_pid, f_started.
probe() {
  f_state=stopped f_pid=0 f_started=0 f_detail=
  case $f_manager in
    systemd) probe_systemd ;;
    supervisor) probe_supervisor ;;
    docker_compose) probe_docker_compose ;;
  esac
  [ "$f_pid" = 0 ] || f_started=$(started_at "$f_pid") || f_started=0
}
probe_systemd() {
  has systemctl || return 0
  f_shown=$(sc show -p ActiveState -p SubState -p MainPID -p Result -- "$f_unit" 2>/dev/null)
  f_detail=$(printf '%s\n' "$f_shown" | sed -n 's/^Result=//p')
  f_sub=$(printf '%s\n' "$f_shown" | sed -n 's/^SubState=//p')
  f_pid=$(printf '%s\n' "$f_shown" | sed -n 's/^MainPID=//p')
  f_pid=${f_pid:-0}
  case $(printf '%s\n' "$f_shown" | sed -n 's/^ActiveState=//p') in
    active | reloading) f_state=running ;;
    activating) if [ "$f_sub" = auto-restart ]; then f_state=failed; else f_state=starting; fi ;;
    failed) f_state=failed ;;
  esac
}
# The launcher notes its pid before it becomes the program; it counts while it is alive and a child of our supervisord.
probe_supervisor() {
  f_noted=$(cat "$f_home/run/$f_program.pid" 2>/dev/null) || return 0
  f_stat=$(cat "/proc/$f_noted/stat" 2>/dev/null) || return 0
  # shellcheck disable=SC2086  # split into fields on purpose
  set -- ${f_stat##*) }
  [ "$1" != Z ] && [ "$2" = "$(cat "$f_home/run/supervisord.pid" 2>/dev/null)" ] || return 0
  f_pid=$f_noted
  f_state=running
}

emit_service() {
  emit state "$f_state"
  emit pid "$f_pid"
  emit started_at "$f_started"
  [ -z "${f_detail:-}" ] || emit detail "$f_detail"
}
# The service's own last words: emit_log LINES. A user who may not read the journal may be allowed to by sudo.
emit_log() {
  case $f_manager in
    systemd)
      if [ "$f_scope" = user ]; then set -- "$1" --user-unit; else set -- "$1" --unit; fi
      f_log=$(read_journal "$@")
      [ -n "$f_log" ] || f_log=$(read_journal "$@" sudo -n)
      printf '%s' "$f_log" | emit_stream log
      ;;
    supervisor) tail -n "$1" "$f_home/log/$f_program.log" 2>/dev/null | tail -c 4000 | emit_stream log ;;
    docker_compose) log_of_containers "$1" ;;
  esac
}
read_journal() {
  f_lines=$1 f_kind=$2
  shift 2
  "$@" journalctl --quiet --no-pager --output=cat --lines="$f_lines" "$f_kind" "$f_unit" 2>/dev/null | tail -c 4000
}
fail_with_log() {
  emit changed "$f_changed"
  emit_service
  emit_log "$f_log_lines"
  emit service_failed 1
  fail "$1"
}

# Which process is the one that was started for this release with these settings: release, pid, its start, settings.
running_for() { printf '%s %s %s %s' "$f_current" "$f_pid" "$(ticks_of "$f_pid")" "$f_fingerprint"; }
is_started_for_this_release() {
  [ "$f_state" = running ] && [ "$(cat "$f_record" 2>/dev/null)" = "$(running_for)" ]
}
remember_process() {
  make_folder "$f_app_path/.fraisier"
  write_file "$f_record" 0600 "$(running_for)"
}
write_environment() {
  [ "$f_write_environment" = 1 ] || return 0
  f_envfile=$f_app_path/shared/$f_environment_file
  f_old_names=$(sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' "$f_envfile" 2>/dev/null)
  [ "$f_check" = 1 ] || make_folder "$f_app_path/shared"
  write_file "$f_envfile" 0600 "$f_environment_text"
  [ "$f_wrote" = 0 ] || f_rewritten=1
  emit environment_changed "$f_wrote"
  [ -z "$f_old_names" ] || emit_text environment_before "$f_old_names"
}
# One file for each credential, which only their owner can read; one that is not wanted any more goes.
write_credentials() {
  f_store=$f_app_path/shared/$f_credentials
  f_credentials_changed=0
  f_kept=$(ls -A "$f_store" 2>/dev/null)
  [ -n "$f_credential_names$f_kept" ] || return 0
  if [ "$f_check" = 0 ]; then
    make_folder "$f_store"
    chmod 0700 "$f_store" 2>/dev/null || fail "cannot protect $f_store"
  fi
  each_credential
  for f_each in $f_kept; do
    printf '%s\n' "$f_credential_names" | grep -Fqx -- "$f_each" && continue
    f_credentials_changed=1
    [ "$f_check" = 1 ] || rm -f -- "$f_store/$f_each"
  done
  [ "$f_credentials_changed" = 0 ] || f_rewritten=1
  emit credentials_changed "$f_credentials_changed"
  [ -z "$f_kept" ] || emit_text credentials_before "$f_kept"
}
keep_credential() {
  write_file "$f_store/$1" 0600 "$2"
  [ "$f_wrote" = 0 ] || f_credentials_changed=1
}
# Waits until the same process has been up for a moment: a service that dies at its start is a failed start.
wait_until_up() {
  f_seen=0 f_count=0
  while :; do
    probe
    case $f_state in
      running)
        if [ "$f_pid" = "$f_seen" ]; then f_count=$((f_count + 1)); else f_seen=$f_pid f_count=0; fi
        [ "$f_count" -lt "$f_settle_polls" ] || return 0
        ;;
      failed | stopped) fail_with_log "$f_name did not stay up after its start${f_detail:+ ($f_detail)}" ;;
    esac
    [ "$(date +%s)" -lt "$f_deadline" ] || fail_with_log "$f_name was not up within $f_start_timeout_seconds s (state $f_state)"
    pause 0.1
  done
}
