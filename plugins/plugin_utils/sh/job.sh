# shellcheck shell=sh
# One run of a program of the current release, to its end. In: f_app_path f_job f_manager f_scope f_unit f_besides f_environment_text
# f_timeout_seconds f_log_lines; functions job_environment, run_job (as our child), start_unit (in a transient unit).
current_release
if [ -z "$f_current" ] || ! is_complete "$f_current"; then fail "nothing is deployed at $f_app_path on this host"; fi
f_release=$f_app_path/releases/$f_current
emit release_id "$f_current"
emit version "$(version_of "$f_current")"
if [ "$f_check" = 1 ]; then
  emit changed 1
  finish
fi

# A unit of systemd's is no child of ours: whoever ends us must end it too.
end_unit() { sc stop -- "$f_unit" >/dev/null 2>&1; }
run_in_unit() {
  has systemd-run || fail "systemd-run is not on the host: is systemd there? (run: {manager: none} needs none)"
  user_bus
  for f_each in $f_unit $f_besides; do
    case $(sc show -p ActiveState -- "$f_each" 2>/dev/null) in *=active | *=*ing) fail "$f_each runs already on this host" ;; esac
  done
  (umask 077 && printf '%s' "$f_environment_text" >"$f_work/environment") || fail "cannot write $f_work/environment"
  trap 'end_unit; exit 143' HUP INT TERM
  if [ "$f_scope" = user ]; then set -- --user; else set --; fi
  start_unit "$@" >"$f_work/out" 2>&1
}
# The unit leaves a record of the run, as it does when its timer starts it: that is what happened.
run_existing() {
  user_bus
  cd "$f_app_path/.fraisier/runs" 2>/dev/null || fail "no jobs are installed on this host ($f_app_path/.fraisier/runs is missing)"
  case $(sc show -p ActiveState -- "$f_unit" 2>/dev/null) in *=activating) fail "$f_unit runs already on this host" ;; esac
  : >"$f_work/before"
  trap 'end_unit; exit 143' HUP INT TERM
  f_said=$(sc start -- "$f_unit" 2>&1)
  f_record=$(find . -maxdepth 1 -name "$f_job@*.run" -newer "$f_work/before" | sort -t @ -k 2n | tail -n 1)
  [ -n "$f_record" ] || fail_with "$f_unit was started and left no record of its run" 1 "$f_said"
  sed -n 's/^log //p' "$f_record" >"$f_work/out"
  f_begun=$(sed -n 's/^begun //p' "$f_record")
  f_result=$(sed -n 's/^result //p' "$f_record")
  f_status=$(sed -n 's/^status //p' "$f_record")
  rm -f "$f_record" # it is told now; nobody needs to collect it
  case $f_result in
    success) return 0 ;;
    exec-condition) fail "$f_job did not run: a job that it depends on has not succeeded since its last run" ;;
    timeout) f_late=1 ;;
  esac
  case $f_status in '' | 0 | *[!0-9]*) return 1 ;; esac
  return "$f_status"
}
run_as_child() {
  lock "job-$f_job" 0 || fail "the job $f_job runs already on this host"
  (job_environment && cd "$f_release" && set_deadline "$f_timeout_seconds" && run_job) >"$f_work/out" 2>&1
}

f_work=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/fraisier-job.XXXXXX") || fail "cannot make a folder for the output of the job"
f_begun=$(date +%s.%N)
f_late=0
case $f_manager in
  systemd) run_in_unit ;;
  unit) run_existing ;;
  *) run_as_child ;;
esac
f_rc=$?
f_ended=$(date +%s.%N)
emit changed 1
emit started_at "$f_begun"
emit ended_at "$f_ended"
tail -n "$f_log_lines" "$f_work/out" | tail -c 16000 | emit_stream log
emit rc "$f_rc"
if [ "$f_rc" != 0 ]; then
  awk -v b="$f_begun" -v e="$f_ended" -v t="$f_timeout_seconds" 'BEGIN { exit !(e - b >= t) }' && f_late=1
  emit timed_out "$f_late"
  emit job_failed 1
  fail "the program ended with $f_rc"
fi
finish
