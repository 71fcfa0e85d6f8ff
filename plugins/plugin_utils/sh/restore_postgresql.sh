# shellcheck shell=sh
# A PostgreSQL database comes back under a name of its own, made as the one that serves is; then the two change names in one transaction.
# In: f_maintenance (database to connect to meanwhile) f_jobs.
ask_sql() { # DATABASE, SQL on stdin, with the names as psql's variables
  cat >"$f_work/sql"
  inside psql -XAtq -d "$1" -v ON_ERROR_STOP=1 -v old="$f_database" -v new="$f_beside" -v before="$f_before" -f "$f_work/sql"
}
restore_ready() {
  need psql postgresql-client
  need pg_restore postgresql-client
  f_database=$(
    backup_environment
    printf '%s' "${PGDATABASE:-${PGUSER:-$(id -un)}}"
  )
  f_moment=$(stamp_now)
  f_beside=$(printf '%.40s' "$f_database")_restore_$f_moment
  f_before=$(printf '%.40s' "$f_database")_before_$f_moment
  f_is_made=0
  ask_sql "$f_maintenance" <<'SQL' || fail_run "cannot reach the database server, in its database $f_maintenance" "$?"
SELECT count(*) FROM pg_database WHERE datname = :'old';
SQL
  f_is_there=$(cat "$f_work/out")
}
# Encoding, locale, owner, grants and settings of a database are no part of its dump: they are taken from the one that serves.
make_beside() {
  ask_sql "$f_maintenance" <<'SQL' || fail_run "cannot make the database $f_beside" "$?"
SELECT coalesce(
  (SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L', :'new', pg_get_userbyid(datdba),
      pg_encoding_to_char(encoding), datcollate, datctype)
    || CASE datas ->> 'datlocprovider'
      WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(datas ->> 'datlocale', datas ->> 'daticulocale'))
      WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', datas ->> 'datlocale')
      ELSE ''
    END
  FROM (SELECT *, to_jsonb(d) AS datas FROM pg_database AS d WHERE datname = :'old') AS there),
  format('CREATE DATABASE %I TEMPLATE template0', :'new'))
\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'new') FROM pg_database WHERE datname = :'old' AND datacl IS NOT NULL
\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, :'new',
  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_database, aclexplode(datacl) WHERE datname = :'old' AND grantee <> datdba
\gexec
SELECT format('ALTER %s %I SET %I TO %s',
  CASE setrole WHEN 0 THEN 'DATABASE' ELSE format('ROLE %I IN DATABASE', pg_get_userbyid(setrole)) END, :'new', split_part(setting, '=', 1),
  CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
    THEN substr(setting, strpos(setting, '=') + 1) ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting WHERE datname = :'old'
\gexec
SQL
  f_is_made=1
}
# A copy of another target's (f_foreign) comes without its owners and grants: they are roles of elsewhere.
restore_beside() {
  make_beside
  set -- --no-password --exit-on-error --jobs="$f_jobs" --dbname="$f_beside"
  [ "${f_foreign:-0}" = 0 ] || set -- "$@" --no-owner --no-acl
  must "pg_restore failed" pg_restore "$@" "$f_copy/dump"
}
restore_check() {
  ask_sql "$f_beside" <<'SQL' || fail_run "what was restored cannot be read" "$?"
ANALYZE;
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e');
SQL
  f_found=$(tail -n 1 "$f_work/out")
  [ "$f_found" = "$f_tables" ] || fail "the copy has $f_tables tables, and $f_found were restored: $f_database is as it was"
}
# Both renames hold, or none, and a rename keeps newcomers waiting until it is through. Whoever is connected must come again; one who does
# before the rename has begun is in its way: then once more.
restore_swap() {
  if [ "$f_is_there" = 0 ]; then
    f_before=
    ask_sql "$f_maintenance" <<'SQL' || fail_run "cannot give $f_beside its name" "$?"
ALTER DATABASE :"new" RENAME TO :"old";
SQL
    return
  fi
  f_tries=1
  until ask_sql "$f_maintenance" <<'SQL'; do
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'old', :'new') AND backend_type = 'client backend';
BEGIN;
ALTER DATABASE :"old" RENAME TO :"before";
ALTER DATABASE :"new" RENAME TO :"old";
COMMIT;
SQL
    [ "$f_tries" -lt 20 ] || fail_run "$f_database could not be replaced, and is as it was" 1
    f_tries=$((f_tries + 1))
  done
}
restore_undo() {
  [ "${f_is_made:-0}" = 1 ] || return 0
  set_deadline 60
  ask_sql "$f_maintenance" <<'SQL' || emit warning "the database $f_beside was left: $(tail -n 1 "$f_work/err")"
DROP DATABASE IF EXISTS :"new";
SQL
}
