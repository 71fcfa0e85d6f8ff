# shellcheck shell=sh
# A server of a HAProxy backend, through HAProxy's admin socket. In: f_state_wanted f_backend f_server f_replaces f_instead f_socket
# f_drain_seconds f_up_seconds.
f_changed=0

# What HAProxy says to some commands. Whichever of these programs the host has can talk to a socket.
f_in_python='import socket, sys
talk = socket.socket(socket.AF_UNIX)
talk.settimeout(10)
talk.connect(sys.argv[1])
talk.sendall(sys.argv[2].encode() + b"\n")
sys.stdout.write(b"".join(iter(lambda: talk.recv(65536), b"")).decode())'
# shellcheck disable=SC2016  # perl's own variables
f_in_perl='my $talk = IO::Socket::UNIX->new($ARGV[0]) or die "$!\n"; print $talk "$ARGV[1]\n"; $talk->flush; print while <$talk>;'
say_to_haproxy() {
  if has socat; then
    printf '%s\n' "$1" | limited socat -t 10 - "UNIX-CONNECT:$f_socket"
  elif has python3; then
    limited python3 -c "$f_in_python" "$f_socket" "$1"
  elif has perl; then
    limited perl -MIO::Socket::UNIX -e "$f_in_perl" "$f_socket" "$1"
  else
    echo "socat, python3 or perl is needed on the load balancer"
    return 127
  fi
}
ask_haproxy() {
  [ -S "$f_socket" ] || fail "there is no HAProxy socket $f_socket (stats socket $f_socket level admin)"
  f_said=$(say_to_haproxy "$1" 2>&1) || fail_with "HAProxy does not answer on $f_socket" "$?" "$f_said"
}
set_state() {
  ask_haproxy "set server $f_backend/$1 state $2"
  f_said=$(printf '%s\n' "$f_said" | grep .) || return 0
  fail_with "HAProxy refused to set $f_backend/$1 to $2" 1 "$f_said"
}

# Sets f_admin and f_operating (bits and number of `show servers state`), f_connections, f_checked (what its own check says).
look() {
  ask_haproxy "show servers state $f_backend;show stat $f_backend 4 -1"
  f_seen=$(printf '%s\n' "$f_said" | awk -v backend="$f_backend" -v server="$1" '
    $1 == "#" && $2 == "be_id" { for (i = 2; i <= NF; i++) at[$i] = i - 1; next }
    at["srv_name"] && $(at["be_name"]) == backend && $(at["srv_name"]) == server {
      operating = $(at["srv_op_state"]); admin = $(at["srv_admin_state"])
    }
    /^# pxname,/ { count = split(substr($0, 3), name, ","); for (i = 1; i <= count; i++) in_row[name[i]] = i; next }
    in_row["scur"] {
      split($0, cell, ",")
      if (cell[1] == backend && cell[2] == server) {
        connections = cell[in_row["scur"]] + cell[in_row["qcur"]]
        checked = cell[in_row["status"]] " " cell[in_row["check_status"]] " " cell[in_row["last_chk"]]
      }
    }
    END { if (operating != "") print operating, admin, connections + 0, checked }')
  [ -n "$f_seen" ] || fail "HAProxy knows no server $f_backend/$1: $(printf '%s\n' "$f_said" | grep . | head -n 1)"
  # shellcheck disable=SC2086  # split into words on purpose
  set -- $f_seen
  f_operating=$1 f_admin=$2 f_connections=$3
  shift 3
  f_checked=$*
}
# Maintenance counts as drained: nothing new goes there. Bits: 1 maintenance, 8 drain, the others are inherited ones.
is_drained() { [ $((f_admin & 9)) -ne 0 ]; }
is_up() { [ "$f_operating" = 2 ] || [ "$f_operating" = 1 ]; }
is_attached() { [ $((f_admin & 123)) -eq 0 ] && is_up; }
tell() { if is_drained; then emit "$1" drained; elif is_attached; then emit "$1" attached; else emit "$1" down; fi; }

drain() {
  look "$1"
  if ! is_drained; then
    f_changed=1
    [ "$f_check" = 1 ] && return 0
    if [ -n "$f_instead" ] && is_attached; then use_instead "$f_instead"; fi
    set_state "$1" drain
    look "$1"
    is_drained || fail "HAProxy was told to drain $f_backend/$1, and did not"
  fi
  [ "$f_check" = 1 ] || wait_until_idle "$1"
}
use_instead() {
  look "$1"
  if is_drained && is_up; then set_state "$1" ready; fi
}
wait_until_idle() {
  f_until=$(($(date +%s) + f_drain_seconds))
  while [ "$f_connections" -gt 0 ] && [ "$(date +%s)" -lt "$f_until" ]; do
    pause 0.1
    look "$1"
  done
  [ "$f_connections" -eq 0 ] || emit warning "$f_connections connections of $f_backend/$1 were still open after $f_drain_seconds s"
}
# HAProxy's own check must pass while nothing goes to the server yet; in maintenance it does not check at all.
attach() {
  look "$1"
  is_attached && return 0
  f_changed=1
  [ "$f_check" = 1 ] && return 0
  [ $((f_admin & 8)) -ne 0 ] || set_state "$1" drain
  f_until=$(($(date +%s) + f_up_seconds))
  while look "$1" && ! is_up; do
    [ "$(date +%s)" -lt "$f_until" ] || fail "HAProxy does not find $f_backend/$1 up within $f_up_seconds s ($f_checked); it stays drained"
    pause 0.2
  done
  set_state "$1" ready
  look "$1"
  is_attached || fail "HAProxy was told that $f_backend/$1 is ready, and does not use it ($f_checked)"
}

set_deadline $((f_drain_seconds + f_up_seconds + 60))
look "$f_server"
tell before
case $f_state_wanted in
  attached) attach "$f_server" ;;
  drained) drain "$f_server" ;;
esac
for f_other in $f_replaces; do
  if [ "$f_state_wanted" = seen ]; then look "$f_other"; else drain "$f_other"; fi
done
[ "$f_check" = 1 ] || look "$f_server"
tell state
emit connections "$f_connections"
emit changed "$f_changed"
finish
