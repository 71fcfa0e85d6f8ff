# shellcheck shell=sh
# PostgreSQL, by pg_dump. In: f_format (custom, directory) f_jobs f_compress. Addresses and password come in libpq's own variables.
source_exists() { :; } # who migrates needs it, too, and says it better
source_ready() {
  need pg_dump postgresql-client
  need pg_restore postgresql-client
  need psql postgresql-client
  must "cannot reach the database" psql -XAtqc "SELECT current_database()"
  f_database=$(cat "$f_work/out")
  f_tool=$(pg_dump --version)
}
source_dump() { # FOLDER
  set -- --no-password --format="$f_format" --file="$1/dump"
  [ "$f_compress" = 1 ] || set -- "$@" --compress=0
  [ "$f_format" != directory ] || set -- "$@" --jobs="$f_jobs"
  must "pg_dump failed" pg_dump "$@"
}
# The list of contents says what is there; reading all of it says that it can be read.
source_check() { # FOLDER
  inside pg_restore --list "$1/dump" || broken "pg_restore cannot list it" "$(cat "$f_work/err")"
  f_tables=$(grep -E '^[0-9]+; [0-9]+ [0-9]+ TABLE ' "$f_work/out" | grep -Evc ' TABLE (DATA|ATTACH) ')
  inside pg_restore --file=/dev/null "$1/dump" || broken "pg_restore cannot read it" "$(cat "$f_work/err")"
}
