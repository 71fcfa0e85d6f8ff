# shellcheck shell=sh
# The servers of an nginx upstream, in a file of ours that nginx includes. In: f_state_wanted f_server f_replaces f_instead f_servers
# f_server_options f_upstream_file f_drain_seconds f_up_seconds; functions nginx_dump, nginx_reload.
f_changed=0
f_folder=${f_upstream_file%/*}
f_line_break='
'
f_pending='# Written by Fraisier, and not loaded by nginx yet.'
f_loaded='# Written by Fraisier; changes are overwritten.'

# up, down or unknown: how a file's text (on stdin) lists a server.
listed() {
  awk -v server="$1" '$1 == "server" { sub(";", "", $NF); if ($2 == server) found = $NF == "down" ? "down" : "up" }
    END { print found == "" ? "unknown" : found }'
}
# A server that the file does not know yet stays out until it has been attached.
wanted_for() {
  if [ "$1" = "$f_server" ]; then
    if [ "$f_state_wanted" = attached ]; then echo up; else echo down; fi
  elif [ "$1" = "$f_instead" ] && [ "$(printf '%s\n' "$f_before" | listed "$f_server")" = up ]; then
    echo up
  elif printf '%s\n' "$f_replaces" | grep -Fqx -e "$1"; then
    echo down
  else
    printf '%s\n' "$f_before" | listed "$1"
  fi
}
wanted_text() {
  printf '%s\n' "$1"
  printf '%s\n' "$f_servers" | while IFS= read -r f_each; do
    case $(wanted_for "$f_each") in up) f_down= ;; *) f_down=' down' ;; esac
    printf 'server %s%s%s;\n' "$f_each" "${f_server_options:+ $f_server_options}" "$f_down"
  done
}
tell() {
  case $(printf '%s\n' "$2" | listed "$f_server") in
    up) emit "$1" attached ;;
    *) emit "$1" drained ;;
  esac
}

# The running nginx: its master process by its pid file, which the configuration names, or the way it was built.
find_master() {
  f_pid_file=$(printf '%s\n' "$f_dump" | awk '{ sub(/#.*/, ""); gsub(/[;{}]/, "\n"); print }' | sed -n 's/^[[:space:]]*pid[[:space:]]\{1,\}//p' | head -n 1)
  [ -n "$f_pid_file" ] || f_pid_file=$(nginx_build 2>&1 | tr ' ' '\n' | sed -n 's/^--pid-path=//p')
  f_master=$(cat "$f_pid_file" 2>/dev/null)
  if [ -z "$f_master" ] || [ ! -d "/proc/$f_master" ]; then
    fail "nginx does not run on the load balancer (pid file ${f_pid_file:-unknown})"
  fi
}
workers() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) (.*) /\1 /' | awk -v master="$f_master" '$3 == master && $2 != "Z" { print $1 }'
}
new_workers() { workers | grep -Fvx -e "${f_old_workers:-none}"; }
old_workers() { workers | grep -Fx -e "${f_old_workers:-none}"; }

put_back() {
  if [ -n "$f_before" ]; then write_file "$f_upstream_file" 0644 "$f_before$f_line_break"; else rm -f "$f_upstream_file"; fi
}
load() {
  write_file "$f_upstream_file" 0644 "$(wanted_text "$f_pending")$f_line_break"
  f_dump=$(nginx_dump 2>&1) || {
    f_rc=$?
    put_back
    fail_with "nginx refuses its configuration; $f_upstream_file is as it was" "$f_rc" "$f_dump"
  }
  find_master
  f_old_workers=$(workers)
  f_said=$(nginx_reload 2>&1) || fail_with "nginx did not reload" "$?" "$f_said"
  f_until=$(($(date +%s) + f_up_seconds))
  until [ -n "$(new_workers)" ]; do
    [ "$(date +%s)" -lt "$f_until" ] || fail "nginx did not start workers with the new configuration within $f_up_seconds s: its error log says why"
    pause 0.1
  done
  write_file "$f_upstream_file" 0644 "$(wanted_text "$f_loaded")$f_line_break"
}
# Workers of the configuration before end when their last connection has.
wait_until_idle() {
  f_until=$(($(date +%s) + f_drain_seconds))
  while [ -n "$(old_workers)" ] && [ "$(date +%s)" -lt "$f_until" ]; do pause 0.1; done
  f_left=$(old_workers | grep -c .)
  emit connections "$f_left"
  [ "$f_left" = 0 ] || emit warning "$f_left workers of nginx still had connections of before after $f_drain_seconds s"
}
unlock() {
  exec 9>&-
  [ -z "$f_held" ] || rm -rf "$f_held"
  f_held=
}
read_file() { f_before=$(cat "$f_upstream_file" 2>/dev/null); }

set_deadline $((f_drain_seconds + f_up_seconds + 60))
if [ "$f_state_wanted" = seen ]; then
  read_file
  # A first deployment makes the file; until then a configuration that includes it cannot be tested.
  f_dump=$(nginx_dump 2>&1) || [ -z "$f_before" ] || fail_with "nginx refuses its configuration" "$?" "$f_dump"
  [ -z "$f_before" ] || find_master
  tell state "$f_before"
  finish
fi
if [ "$f_check" = 0 ]; then
  make_folder "$f_folder"
  f_app_path=$f_folder
  lock lb 120 || fail "another deployment has been writing $f_upstream_file for two minutes"
fi
read_file
tell before "$f_before"
f_text=$(wanted_text "$f_loaded")
if [ "$f_before" != "$f_text" ]; then
  f_changed=1
  if [ "$f_diff" = 1 ]; then
    emit_text text_before "$f_before"
    emit_text text_after "$f_text"
  fi
  if [ "$f_check" = 0 ]; then
    load
    unlock
    wait_until_idle
    read_file
  fi
fi
tell state "$f_before"
emit changed "$f_changed"
finish
