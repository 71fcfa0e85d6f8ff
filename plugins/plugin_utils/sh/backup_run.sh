# shellcheck shell=sh
# What taking and restoring copies share. In: f_app_path f_bin_dir f_timeout_seconds f_lock_timeout_seconds f_min_tables; function backup_environment
# (addresses and secrets); a way of making copies, which has way_ready, way_takes (fails where a copy
# could not be kept), list_copies (lines "<stamp> good" or "<stamp> bad" into $f_work/listed), take_copy, check_copy, mark_bad, remove_copy, tidy_copies
# (after some were removed). A copy is named by its moment in UTC, 20261122T030000Z.

[ -z "$f_bin_dir" ] || PATH=$f_bin_dir:$PATH
# Runs a program with addresses and secrets in its environment; its output is left in $f_work/out and $f_work/err.
inside() { (
  backup_environment
  limited "$@"
) >"$f_work/out" 2>"$f_work/err"; }
must() { # SENTENCE PROGRAM ARGUMENT...
  f_sentence=$1
  shift
  inside "$@" && return 0
  fail_run "$f_sentence" "$?"
}
fail_run() { # SENTENCE RC
  [ "$(date +%s)" -lt "$f_deadline" ] || fail_with "$1: not done within $f_timeout_seconds s" "$2" "$(cat "$f_work/err")"
  fail_with "$1" "$2" "$(cat "$f_work/out" "$f_work/err" | tail -c 4000)"
}
need() { has "$1" || fail "$1 is not installed on this host (Debian's package $2)"; } # PROGRAM PACKAGE
is_stamp() { printf '%s\n' "$1" | grep -Eq '^[0-9]{8}T[0-9]{6}Z$'; }
stamp_now() { date -u +%Y%m%dT%H%M%SZ; }
seconds_of() {
  f_spaced=$(printf '%s' "$1" | sed 's/^\(....\)\(..\)\(..\)T\(..\)\(..\)\(..\)Z$/\1-\2-\3 \4:\5:\6/')
  date -u -d "$f_spaced" +%s
}

# A folder that is gone when we are: copies grow here, and only whole ones leave it. Who holds the lock removes what a killed run left.
begin_work() { # FOLDER
  umask 077
  if [ "$f_alone" = 0 ]; then set -- "${TMPDIR:-/tmp}"; else
    make_folder "$1"
    rm -rf "$1"/.fraisier-work.*
  fi
  f_said=$(mktemp -d "$1/.fraisier-work.XXXXXX" 2>&1) || fail_with "cannot create a folder in $1" 1 "$f_said"
  f_work=$f_said
}
f_alone=0
alone() {
  [ "$f_check" = 0 ] || return 0
  lock backup "$f_lock_timeout_seconds" && f_alone=1 && return 0
  emit locked 1
  fail "another backup or restore holds $f_app_path/.fraisier/backup.lock for $f_lock_timeout_seconds s"
}
newest_good() { # the newest copy that is good, at or before the stamp $1; '' where there is none
  sed -n 's/ good$//p' "$f_work/copies" | sort -r | awk -v at="$1" '$1 <= at { print; exit }'
}
read_copies() {
  list_copies
  sort "$f_work/listed" >"$f_work/copies"
}
# A copy that did not hold is not lost, and not trusted either.
broken() { # SENTENCE OUTPUT
  if [ -n "${f_checked:-}" ] && [ "$f_check" = 0 ]; then
    mark_bad "$f_checked"
    emit bad "$f_checked"
    fail_with "the copy of $f_checked is not good: $1" 1 "$2"
  fi
  fail_with "the copy is not good: $1" 1 "$2"
}
enough_tables() {
  [ "$f_tables" -ge "$f_min_tables" ] || broken "it has $f_tables tables, and min_tables asks for $f_min_tables" ""
}
