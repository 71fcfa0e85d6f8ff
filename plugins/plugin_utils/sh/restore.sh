# shellcheck shell=sh
# A copy is read into a database of its own beside the one that serves, is verified there, and takes its place. In: f_at (a stamp: the newest good copy
# up to then, '' for the newest) f_state (present, listed); backup_run.sh, a way of making copies, and what brings such copies back: restore_ready,
# restore_beside (sets f_beside), restore_check, restore_swap (sets f_before), restore_undo.
set_deadline "$f_timeout_seconds"
[ "$f_state" = listed ] || alone
set_deadline "$f_timeout_seconds"
begin_work "$f_room"
way_ready
read_copies
sed -n 's/ good$//p' "$f_work/copies" | sed "s/^/$f_token copies /"
if [ "$f_state" = listed ]; then
  emit changed 0
  finish
fi
f_stamp=$(newest_good "${f_at:-99999999T999999Z}")
[ -n "$f_stamp" ] || fail "there is no good copy${f_at:+ from $f_at or before}"
emit copy "$f_stamp"
restore_ready
check_copy "$f_stamp"
emit verified 1
if [ "$f_check" = 1 ]; then
  emit changed 1
  finish
fi
# Whatever ends us before the swap takes away what was read in.
trap 'restore_undo; clean_up' EXIT
restore_beside
restore_check
restore_swap
trap clean_up EXIT
emit before "$f_before"
emit restored 1
emit changed 1
finish
