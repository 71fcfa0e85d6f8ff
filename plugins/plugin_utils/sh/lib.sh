# shellcheck shell=sh
# Read before every script of ours. POSIX sh: runs in dash, bash and busybox. Variables f_* are ours, set by the plugin or here.
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset CDPATH ENV BASH_ENV
umask 022

# What must not stay behind, however the script ends.
f_work=
f_held=
clean_up() {
  [ -z "$f_work" ] || rm -rf "$f_work"
  [ -z "$f_held" ] || rm -rf "$f_held"
}
trap clean_up EXIT
trap 'exit 143' HUP INT TERM

# Results: one line with a value, or a text of many lines, or the end of a file.
emit() { printf '%s %s %s\n' "$f_token" "$1" "$2"; }
emit_text() { printf '%s\n' "$2" | sed "s/^/$f_token $1 /"; }
emit_tail() { if [ -s "$2" ]; then tail -c 4000 "$2" | emit_stream "$1"; fi; }
emit_stream() {
  sed "s/^/$f_token $1 /"
  printf '\n'
}
finish() {
  emit end 1
  exit 0
}
fail() {
  emit failed 1
  emit_text msg "$1"
  finish
}
# A failure with what the command said: the sentence, its exit code, its output.
fail_with() {
  emit rc "$2"
  emit_text stderr "$(printf '%s' "$3" | tail -c 4000)"
  fail "$1: $(printf '%s\n' "$3" | grep . | tail -n 5)"
}

has() { command -v "$1" >/dev/null 2>&1; }
pause() { sleep "$1" 2>/dev/null || sleep 1; }
seconds_left() {
  f_left=$((f_deadline - $(date +%s)))
  [ "$f_left" -gt 0 ] || f_left=1
}
set_deadline() { f_deadline=$(($(date +%s) + $1)); }

# The user's commands. A command text crosses in the environment, not in an argv that everybody can read with ps.
limited() {
  seconds_left
  if has timeout; then timeout -k 10 "$f_left" "$@"; else "$@"; fi
}
# shellcheck disable=SC2016  # expanded by the inner shell
run_shell() { FRAISIER_COMMAND=$1 limited sh -c 'f_c=$FRAISIER_COMMAND; unset FRAISIER_COMMAND; eval "$f_c"'; }
run_argv() { limited "$@"; }

# Times. A process's start is known in ticks since boot; "now" is measured the same way (the start of a fresh process),
# so that the two can be compared to a hundredth of a second whatever the clock does.
ticks_of() {
  f_stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086  # split into fields on purpose
  set -- ${f_stat##*) }
  [ -n "${20:-}" ] && printf '%s' "${20}"
}
started_at() {
  f_ticks=$(ticks_of "$1") || return 1
  f_hz=$(getconf CLK_TCK 2>/dev/null) || f_hz=100
  awk -v t="$f_ticks" -v h="$f_hz" '$1 == "btime" { printf "%.2f", $2 + t / h }' /proc/stat
}
now() { started_at self || date +%s; }

# Releases.
current_release() {
  f_current=
  if [ -L "$f_app_path/current" ]; then f_current=$(basename "$(readlink "$f_app_path/current")"); fi
}
version_of() { head -n 1 "$f_app_path/releases/$1/REVISION" 2>/dev/null; }
is_complete() { [ -d "$f_app_path/releases/$1" ] && [ ! -L "$f_app_path/releases/$1" ] && [ -f "$f_app_path/releases/$1/REVISION" ]; }
is_release_id() { printf '%s\n' "$1" | grep -Eq '^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}-[a-z0-9]{6}$'; }

make_folder() { f_said=$(mkdir -p "$@" 2>&1) || fail_with "cannot create $1" 1 "$f_said"; }

# Replaces a file by one rename when its text differs: write_file PATH MODE TEXT. Sets f_wrote. Root may write into a folder of
# another user here: the token makes a name that nobody could have put a link at.
write_file() {
  f_wrote=0
  if [ -f "$1" ] && [ ! -L "$1" ] && [ "$(cat "$1"; printf x)" = "$3x" ]; then
    [ "$f_check" = 1 ] || chmod "$2" "$1"
    return 0
  fi
  f_wrote=1
  [ "$f_check" = 1 ] && return 0
  f_said=$(umask 077 && printf '%s' "$3" 2>&1 >"$1.$f_token" && chmod "$2" "$1.$f_token" 2>&1 && mv -f "$1.$f_token" "$1" 2>&1) ||
    fail_with "cannot write $1" 1 "$f_said"
}

# One holder per name and app_path: lock NAME SECONDS. Descriptor 9 holds it, and with it each child that inherits it.
lock() {
  make_folder "$f_app_path/.fraisier"
  f_lock=$f_app_path/.fraisier/$1.lock
  f_until=$(($(date +%s) + $2))
  (: >>"$f_lock") 2>/dev/null || fail "cannot write $f_lock"
  exec 9>>"$f_lock"
  while :; do
    flock -n 9 2>/dev/null
    case $? in
      0) return 0 ;;
      1) ;; # somebody holds it
      *)
        lock_by_folder
        return
        ;;
    esac
    [ "$(date +%s)" -lt "$f_until" ] || return 1
    pause 0.2
  done
}
# Without a flock that works: a folder, its holder written inside; a holder that is gone (or of another boot) may be put aside.
lock_by_folder() {
  f_me="$$ $(ticks_of $$) $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
  until mkdir "$f_lock.d" 2>/dev/null; do
    break_stale_lock
    [ "$(date +%s)" -lt "$f_until" ] || return 1
    pause 0.2
  done
  f_held=$f_lock.d
  printf '%s\n' "$f_me" >"$f_held/holder"
}
break_stale_lock() {
  f_holder=$(cat "$f_lock.d/holder" 2>/dev/null)
  if [ -n "$f_holder" ]; then
    f_pid=${f_holder%% *}
    [ "$f_holder" = "$f_pid $(ticks_of "$f_pid") ${f_me##* }" ] && return 0
  elif [ -z "$(find "$f_lock.d" -prune -mmin +1 2>/dev/null)" ]; then
    return 0
  fi
  mv "$f_lock.d" "$f_lock.stale.$$" 2>/dev/null || return 0
  # Another waiter may have been quicker and hold it now: then it gets its lock back.
  if [ "$(cat "$f_lock.stale.$$/holder" 2>/dev/null)" != "$f_holder" ]; then mv "$f_lock.stale.$$" "$f_lock.d"; fi
  rm -rf "$f_lock.stale.$$"
}

# Fencing. f_fence is "<target> <number> <run>" of the controller that holds the target's lease, empty for a run that holds none. What
# stands above it on this host belongs to somebody who has taken over: then nothing may be done here any more. What stands below is over:
# whatever it still does here is ended first.
fenced() {
  [ -n "$f_fence" ] && [ "$f_check" = 0 ] || return 0
  f_notes=$f_app_path/.fraisier${f_job:+/job-$f_job} # a job has a target, and so a lease, of its own
  make_folder "$f_notes"
  refuse_when_fenced
  for f_note in "$f_notes/run.lock" "$f_notes/run.holder" "$f_notes/fence"; do own_note "$f_note"; done
  exec 8>>"$f_notes/run.lock"
  f_until=$(($(date +%s) + 30))
  f_signal=TERM
  until flock -n 8 2>/dev/null || [ $? -gt 1 ] || [ "$f_seen" = "$f_fence" ]; do # what an earlier step of this very run left may stay
    [ "$(date +%s)" -lt "$f_until" ] || fail "what an earlier run started here does not end ($f_notes/run.lock is held)"
    end_earlier
    pause 0.3
    refuse_when_fenced
  done
  refuse_when_fenced
  printf '%s\n' "$f_fence" >"$f_notes/fence"
  printf '%s %s\n' "$$" "$(ticks_of $$)" >"$f_notes/run.holder"
  FRAISIER_RUN="$f_fence;"
  export FRAISIER_RUN
}
# A note of root's is the deploy user's to write, too.
own_note() {
  [ -e "$1" ] && return 0
  (: >>"$1") 2>/dev/null || fail "$(id -un) cannot write $1"
  [ "$(id -u)" != 0 ] || chown "$(stat -c %u:%g "$f_app_path")" "$1"
}
refuse_when_fenced() {
  f_seen=$(cat "$f_notes/fence" 2>/dev/null)
  # shellcheck disable=SC2086  # split into fields on purpose
  stands_above ${f_seen:-- 0 0} || return 0
  emit fenced 1
  fail "another run has taken this target over on this host (${f_seen#* }; this one is ${f_fence#* }): nothing was done"
}
stands_above() { # TARGET NUMBER RUN; numbers of another target, or of another ledger, say nothing about ours
  [ "$1" = "${f_fence%% *}" ] || return 1
  f_ours=${f_fence#* }
  [ "$2" -gt "${f_ours% *}" ] && return 0
  [ "$2" -eq "${f_ours% *}" ] && [ "$3" -gt "${f_ours#* }" ]
}
end_earlier() {
  [ "${f_seen%% *}" = "${f_fence%% *}" ] || return 0 # somebody else's: waited for
  f_pids=$(grep -lsF "FRAISIER_RUN=$f_seen;" /proc/[0-9]*/environ | cut -d / -f 3)
  f_holder=$(cat "$f_notes/run.holder" 2>/dev/null)
  if [ -n "$f_holder" ] && [ "$(ticks_of "${f_holder% *}")" = "${f_holder#* }" ]; then f_pids="$f_pids ${f_holder% *}"; fi
  for f_pid in $f_pids; do
    # One that has just ended, because its parent was told before it, has ended too.
    if kill "-$f_signal" "$f_pid" 2>/dev/null || [ ! -d "/proc/$f_pid" ]; then f_ended="${f_ended:-}$f_pid "; fi
  done
  # Asked for five seconds, then told.
  [ "$(date +%s)" -lt $((f_until - 25)) ] || f_signal=KILL
}
