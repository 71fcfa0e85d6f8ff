# shellcheck shell=sh
# One migration at a time in this folder and in this database. In: f_app_path f_directory f_bin_dir f_step (look, latest, up, down)
# f_expected f_allow_ahead f_timeout_seconds f_lock_timeout_seconds f_repo f_version f_url_variable f_lock_program f_explain f_wants_marks
# f_longest_sql; function migrate_environment; preview.sh (check mode); database_lock.sh; and the tool's own file, which has tool_look (sets f_at,
# f_pending; after a step 0 where it cannot tell), tool_up, tool_down.

# Runs a command of the tool inside the release; `inside` leaves its output in $f_work/out and $f_work/err.
there() (
  migrate_environment
  [ "$f_directory" != "${f_tree:-}" ] || preview_environment
  [ -z "$f_bin_dir" ] || PATH=$f_directory/$f_bin_dir:$PATH
  cd "$f_directory" || exit 1
  "$@"
)
with_address() { there "$@"; }
inside() { there "$@" >"$f_work/out" 2>"$f_work/err"; }
fail_tool() {
  emit rc "$f_rc"
  emit_tail stdout "$f_work/out"
  emit_tail stderr "$f_work/err"
  [ "$(date +%s)" -lt "$f_step_deadline" ] || [ "$1" = up ] || [ "$1" = down ] || emit timed_out 1
  emit failed_step "$1"
  fail "$1 failed (rc $f_rc)"
}
# emit_mark NAME FILE: `fraisier:irreversible REASON` in a comment on the first line.
emit_mark() {
  f_mark=$(head -n 1 "$2" 2>/dev/null | grep -E '^(--|#) *fraisier:irreversible( |$)') || return 0
  emit marked "$1 $(printf '%s\n' "$f_mark" | sed 's/^[-#]* *fraisier:irreversible *//')"
}
# Whatever the step did, what the database is at now is looked up; that look must not hide why the step failed.
step() {
  "tool_$1"
  f_rc=$?
  if [ "$f_rc" != 0 ]; then
    mkdir "$f_work/step" && mv "$f_work/out" "$f_work/err" "$f_work/step/"
    set_deadline 60
    f_late=$([ "$(date +%s)" -ge "$f_step_deadline" ] && echo 1 || echo 0)
    (tool_look after) >"$f_work/after"
    grep "^$f_token after " "$f_work/after"
    mv "$f_work/step/out" "$f_work/step/err" "$f_work/"
    [ "$f_late" = 0 ] || emit timed_out 1
    fail_tool "$1"
  fi
  tool_look after
}

if [ ! -d "$f_directory" ]; then
  [ "$f_check" = 1 ] || fail "$f_directory is not on this host: the migrations of that release are not there"
  emit no_directory 1
  [ -n "$f_repo" ] || fail "the release is not on the host yet: nothing is known of its migrations"
  [ -L "$f_app_path/current" ] || fail "nothing is deployed yet: what is pending is known once the first release is built"
  if [ "$f_push" = 1 ] && [ -z "$f_sent" ]; then
    emit wanted 1
    finish
  fi
fi
if [ -n "$f_sent" ]; then
  f_work=${f_sent%/*}
else
  f_said=$(mktemp -d "${TMPDIR:-/tmp}/fraisier.XXXXXX" 2>&1) || fail_with "cannot create a temporary folder" 1 "$f_said"
  f_work=$f_said
fi
set_deadline "$f_timeout_seconds"
[ -d "$f_directory" ] || preview_release
if [ "$f_step" != look ] && [ "$f_check" = 0 ]; then
  if ! lock migrate "$f_lock_timeout_seconds"; then
    emit locked 1
    fail "another migration holds $f_app_path/.fraisier/migrate.lock for $f_lock_timeout_seconds s"
  fi
  f_lock_python=$f_directory/${f_bin_dir:-.}/python
  lock_database
fi
set_deadline "$f_timeout_seconds"
f_step_deadline=$f_deadline
tool_look before
if [ "$f_step" = look ] || [ "$f_check" = 1 ]; then finish; fi
case $f_step in
  latest)
    if [ "$f_pending" = 1 ]; then
      step up
      [ "$f_pending" = 0 ] || fail "up says that it has done its work, and the database says that something is pending still"
    fi
    ;;
  *)
    if [ "$f_at" != "$f_expected" ]; then
      emit moved 1
      fail "the database moved from '$f_expected' to '$f_at' meanwhile"
    fi
    step "$f_step"
    ;;
esac
finish
