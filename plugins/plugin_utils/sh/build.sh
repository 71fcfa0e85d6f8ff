# shellcheck shell=sh
# The install commands, in order, inside the release. In: f_app_path f_release_id f_fingerprint f_count f_timeout_seconds;
# functions build_environment, run_1 .. run_N.
f_release=$f_app_path/releases/$f_release_id
f_marks=$f_release/.fraisier

if [ "$f_check" = 1 ] && [ ! -e "$f_release" ]; then
  emit changed 1
  finish
fi
is_complete "$f_release_id" || fail "release $f_release_id is not complete on this host (no $f_release/REVISION)"
if [ ! -e "$f_marks/building" ] && [ "$(cat "$f_marks/built" 2>/dev/null)" = "$f_fingerprint" ]; then
  emit changed 0
  finish
fi
emit changed 1
[ "$f_check" = 1 ] && finish

make_folder "$f_marks"
(: >"$f_marks/building") 2>/dev/null || fail "cannot write into $f_marks"
rm -f "$f_marks/built"
f_work=$f_marks/output
rm -rf "$f_work"
f_said=$(umask 077 && mkdir "$f_work" 2>&1) || fail_with "cannot write into $f_marks" 1 "$f_said"
set_deadline "$f_timeout_seconds"
f_index=1
while [ "$f_index" -le "$f_count" ]; do
  # Output goes to files, not through pipes: a daemon that a command leaves behind would hold a pipe open for ever.
  (build_environment && cd "$f_release" && "run_$f_index") >"$f_work/out" 2>"$f_work/err"
  f_rc=$?
  if [ "$f_rc" != 0 ]; then
    emit failed_command "$f_index"
    emit rc "$f_rc"
    emit_tail stdout "$f_work/out"
    emit_tail stderr "$f_work/err"
    emit timed_out "$([ "$(date +%s)" -ge "$f_deadline" ] && echo 1 || echo 0)"
    fail "the command failed"
  fi
  f_index=$((f_index + 1))
done
if ! printf '%s\n' "$f_fingerprint" >"$f_marks/built" || ! rm -f "$f_marks/building"; then fail "cannot write $f_marks/built (disk full?)"; fi
finish
