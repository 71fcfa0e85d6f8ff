# shellcheck shell=sh
# In: f_work f_url_variable f_lock_program f_lock_python f_lock_timeout_seconds; function with_address, which runs a command where the
# variable with the address of the database is set.

# One migration at a time in this database, whatever folder or host it is started from: a process in an interpreter that knows the
# database holds the lock until its input ends. Where no such interpreter is found, the lock of the folder is all there is.
lock_database() {
  [ -n "$f_url_variable" ] && mkfifo "$f_work/keep" "$f_work/kept" 2>/dev/null || return 0
  with_address hold_database <"$f_work/keep" >"$f_work/kept" 2>"$f_work/keeper" &
  exec 4>"$f_work/keep" 5<"$f_work/kept"
  IFS= read -r f_kept <&5 || f_kept=$(tail -n 1 "$f_work/keeper")
  case $f_kept in
    held | none) ;;
    busy)
      emit locked 1
      fail "another migration of this database is going on, and did not end within $f_lock_timeout_seconds s"
      ;;
    *) emit warning "migrations of this database from other folders and hosts are not kept out: $f_kept" ;;
  esac
}
hold_database() {
  for f_python in "$f_lock_python" python3 python; do
    if has "$f_python"; then exec "$f_python" -c "$f_lock_program" "$f_url_variable" "$f_lock_timeout_seconds" 4>&- 5>&- 9>&-; fi
  done
  echo none
}
