# shellcheck shell=sh
# A copy is made, verified and kept; old ones go. In: f_state (taken, verified, ready) f_may_be_missing f_reuse_seconds f_max_age_seconds f_retention (an awk program)
# f_keep (its variables, as awk's -v takes them); backup_run.sh and a way of making copies.
f_changed=0
take() {
  f_stamp=$(stamp_now)
  while grep -Fq "$f_stamp " "$f_work/copies"; do
    pause 1
    f_stamp=$(stamp_now)
  done
  f_changed=1
  emit taken 1
  if [ "$f_check" = 0 ]; then
    take_copy "$f_stamp"
    emit verified 1
  fi
  echo "$f_stamp good" >>"$f_work/copies"
}
age_of() { printf '%s' "$(($(date +%s) - $(seconds_of "$1")))"; }
verify_newest() {
  check_copy "$f_stamp"
  emit verified 1
}
prune() {
  # shellcheck disable=SC2086  # name=value words, made of numbers by the plugin
  awk -v now="$(stamp_now)" $f_keep "$f_retention" "$f_work/copies" >"$f_work/going" || fail "the copies to remove cannot be told"
  while IFS= read -r f_going; do
    f_changed=1
    emit removed "$f_going"
    [ "$f_check" = 1 ] || remove_copy "$f_going"
  done <"$f_work/going"
  if [ "$f_check" = 0 ] && [ -s "$f_work/going" ]; then tidy_copies; fi
}

set_deadline "$f_timeout_seconds"
[ "$f_state" = ready ] || alone
set_deadline "$f_timeout_seconds"
begin_work "$f_room"
way_ready
if [ "$f_state" = taken ]; then
  if [ "$f_may_be_missing" = 1 ] && ! source_exists; then
    emit missing 1
    emit changed 0
    finish
  fi
  source_ready
fi
# A look before anything is made: the source answers, the tools are there, and so is the place of the copies.
if [ "$f_state" = ready ]; then
  source_ready
  way_takes
  read_copies
  sed -n 's/ good$//p' "$f_work/copies" | emit_stream copies
  emit ready 1
  emit changed 0
  finish
fi
read_copies
f_stamp=$(newest_good 99999999T999999Z)
if [ "$f_state" = verified ]; then
  [ -n "$f_stamp" ] || fail "there is no copy yet"
  f_age=$(age_of "$f_stamp")
  if [ "$f_max_age_seconds" -gt 0 ] && [ "$f_age" -gt "$f_max_age_seconds" ]; then
    fail "the newest copy, of $f_stamp, is $f_age s old, and max_age_seconds asks for $f_max_age_seconds"
  fi
  verify_newest
elif [ -n "$f_stamp" ] && [ "$f_reuse_seconds" -gt 0 ] && [ "$(age_of "$f_stamp")" -le "$f_reuse_seconds" ]; then
  verify_newest
else
  take
fi
emit copy "$f_stamp"
: >"$f_work/going"
[ "$f_state" = verified ] || prune
sed -n 's/ good$//p' "$f_work/copies" | sort | grep -Fvx -f "$f_work/going" | emit_stream copies
emit changed "$f_changed"
finish
