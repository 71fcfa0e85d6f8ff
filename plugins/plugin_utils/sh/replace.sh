# shellcheck shell=sh
# The database is replaced beside the one that serves, once per release. What served before is kept, under a name that a note on this host tells, so
# that it can serve again. In: f_state (present, undone, settled) f_by (nothing, copy) f_release f_good (the release that is known to hold, '' for none)
# f_at f_app_path f_timeout_seconds f_lock_timeout_seconds; database_lock.sh, backup_run.sh, a way of making copies, what brings such copies back
# (restore_*.sh), and a replace_*.sh: replace_ready (sets f_before, '' where nothing serves, and f_shown), is_kept_for_sure NAME, clear_beside, make_empty, fit_beside, swap_in,
# swap_back RELEASE NAME, forget NAME. A note has the line `before NAME`, the line `through` once the swap is through, and `held` once the
# release has proven itself.
f_tag=
f_notes_in=$f_app_path/.fraisier/replaced
f_own_note=$f_notes_in/$f_release
# 1: what serves is what this release has put there; 0: it is what served before; '': not known.
f_replaced=
finish() {
  [ -z "$f_replaced" ] || emit replaced "$f_replaced"
  emit end 1
  exit 0
}
with_address() (
  lock_environment
  "$@"
)
mark_bad() { :; } # a copy of somebody else's is theirs to put aside
tag_of() { printf '%s_%s' "${1%%-*}" "${1##*-}"; }
before_of() { sed -n 's/^before //p' "$f_notes_in/$1"; }
is_through() { grep -qx through "$f_notes_in/$1"; }
write_note() { # TEXT; on the disk before anything is done by it
  make_folder "$f_notes_in"
  write_file "$f_own_note" 600 "$1"
  sync -f "$f_own_note" 2>/dev/null || sync
}
notes() { # releases that have a note here, but for this one, the oldest first
  for f_file in "$f_notes_in"/*; do
    f_name=${f_file##*/}
    if [ -f "$f_file" ] && [ "$f_name" != "$f_release" ] && is_release_id "$f_name"; then echo "$f_name"; fi
  done
}
is_settled() { # a release that has proven itself here, is known to hold, or is older than that one
  ! grep -qx held "$f_notes_in/$1" || return 0
  [ -n "$f_good" ] && [ "$(printf '%s\n' "$1" "$f_good" | LC_ALL=C sort | tail -n 1)" = "$f_good" ]
}
begin() {
  set_deadline "$f_timeout_seconds"
  if [ "$f_check" = 0 ]; then
    if ! lock migrate "$f_lock_timeout_seconds"; then
      emit locked 1
      fail "a migration holds $f_app_path/.fraisier/migrate.lock for $f_lock_timeout_seconds s"
    fi
    f_alone=1
  fi
  begin_work "$f_app_path/.fraisier/replacing"
  set_deadline "$f_timeout_seconds"
}
take_back() { # RELEASE
  swap_back "$1" "$(before_of "$1")"
  rm -f "$f_notes_in/$1"
}
present() {
  if [ -f "$f_own_note" ] && is_through "$f_release"; then already; fi
  begin
  replace_ready
  if [ -f "$f_own_note" ]; then
    if is_kept_for_sure "$(before_of "$f_release")"; then already; fi
  else
    f_replaced=0
  fi
  if [ "$f_by" = copy ]; then choose_copy; fi
  emit database "$f_shown"
  if [ "$f_check" = 1 ]; then
    emit changed 1
    finish
  fi
  # What a run left that did not come to its end is no state to go back to: what served before it is.
  for f_each in $(notes); do
    if ! is_settled "$f_each"; then
      f_replaced=
      take_back "$f_each"
      emit undone "$f_each"
      f_replaced=0
      replace_ready
    fi
  done
  if [ -f "$f_own_note" ]; then f_before=$(before_of "$f_release"); fi
  trap 'restore_undo; clean_up' EXIT
  clear_beside
  if [ "$f_by" = copy ]; then
    check_copy "$f_stamp"
    emit verified 1
    restore_beside
    restore_check
    fit_beside
  else
    make_empty
  fi
  [ -z "$f_before" ] || lock_database # where nothing serves, nobody migrates
  write_note "before $f_before
"
  f_replaced=
  swap_in
  trap clean_up EXIT
  write_note "before $f_before
through
"
  f_replaced=1
  emit before "$f_before"
  emit changed 1
  finish
}
already() {
  f_replaced=1
  emit before "$(before_of "$f_release")"
  emit changed 0
  finish
}
choose_copy() {
  way_ready
  read_copies
  f_stamp=$(newest_good "${f_at:-99999999T999999Z}")
  [ -n "$f_stamp" ] || fail "there is no good copy${f_at:+ from $f_at or before} in $f_place: nothing was replaced"
  emit copy "$f_stamp"
}
undone() {
  if [ -f "$f_own_note" ] && [ "$f_check" = 0 ]; then
    begin
    emit before "$(before_of "$f_release")"
    take_back "$f_release"
    emit changed 1
  else
    emit changed "$([ -f "$f_own_note" ] && echo 1 || echo 0)"
  fi
  f_replaced=0
  finish
}
# The release has proven itself: what served before it stays, and nothing older.
settled() {
  f_gone=$([ -f "$f_own_note" ] && notes)
  if [ -f "$f_own_note" ]; then
    emit before "$(before_of "$f_release")"
    if [ "$f_check" = 0 ] && ! grep -qx held "$f_own_note"; then
      write_note "$(cat "$f_own_note")
held
"
    fi
  fi
  if [ -n "$f_gone" ] && [ "$f_check" = 0 ]; then begin; fi
  for f_each in $f_gone; do
    f_old=$(before_of "$f_each")
    [ -z "$f_old" ] || emit removed "$f_old"
    if [ "$f_check" = 0 ]; then
      [ -z "$f_old" ] || forget "$f_old"
      rm -f "$f_notes_in/$f_each"
    fi
  done
  emit changed "$([ -n "$f_gone" ] && echo 1 || echo 0)"
  finish
}
"$f_state"
