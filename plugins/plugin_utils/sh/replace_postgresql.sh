# shellcheck shell=sh
# A database of PostgreSQL is replaced by one of another name, made as it is; both change names in one transaction. With restore_postgresql.sh.
# PostgreSQL cuts names at 63 bytes, so the release is told by its moment and its last six letters.
named() { printf '%.31s_%s_%s' "$f_database" "$1" "$(tag_of "$2")"; } # WORD RELEASE
replace_ready() {
  restore_ready
  f_shown=$f_database
  f_beside=$(named beside "$f_release")
  f_before=
  [ "$f_is_there" = 0 ] || f_before=$(named before "$f_release")
  ask_sql "$f_maintenance" <<'SQL' || fail_run "cannot ask the database server" "$?"
SELECT rolsuper OR rolcreatedb AND (SELECT count(*) = 0 OR bool_and(pg_has_role(datdba, 'USAGE')) FROM pg_database WHERE datname = :'old')
FROM pg_roles WHERE rolname = current_user;
SQL
  [ "$(cat "$f_work/out")" = t ] || fail "the user of database.url may not replace $f_database: it must own it, and be allowed to create databases"
}
is_there_named() { # NAME
  f_asked=$f_beside
  f_beside=$1
  ask_sql "$f_maintenance" <<'SQL' || fail_run "cannot ask the database server" "$?"
SELECT count(*) FROM pg_database WHERE datname = :'new';
SQL
  f_beside=$f_asked
  [ "$(cat "$f_work/out")" = 1 ]
}
# Both names change at once: where the kept one is there, the swap is through.
is_kept_for_sure() { [ -n "$1" ] && is_there_named "$1"; }
clear_beside() { drop "$f_beside"; } # a run that was killed may have left it
make_empty() { make_beside; }
fit_beside() { :; }
swap_in() {
  restore_swap
  f_is_made=0
}
swap_back() { # RELEASE NAME
  restore_ready
  f_failed=$(named failed "$1")
  if [ -n "$2" ] && is_there_named "$2"; then
    f_beside=$2
    f_before=$f_failed
    restore_swap
  elif [ -z "$2" ] && is_through "$1"; then
    drop "$f_database"
  fi
  drop "$f_failed"
  drop "$(named beside "$1")"
}
forget() { drop "$1"; }
drop() { # NAME
  f_asked=$f_beside
  f_beside=$1
  ask_sql "$f_maintenance" <<'SQL' || emit warning "the database $1 was left: $(tail -n 1 "$f_work/err")"
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'new' AND backend_type = 'client backend';
DROP DATABASE IF EXISTS :"new";
SQL
  f_beside=$f_asked
}
