# shellcheck shell=sh
# Files and folders come back beside those that are there, on the same disk; then each takes the other's place, which is kept.
restore_ready() {
  f_moment=$(stamp_now)
  f_before=
  f_moved=
}
beside() { printf '%s' "$(dirname "$1")/.fraisier-restore-$f_token"; }
restore_beside() { each_path bring_beside; }
bring_beside() {
  f_beside=$(beside "$1")
  make_folder "$f_beside"
  f_pattern=$(printf '%s' "$1" | sed 's/[][*?\\]/\\&/g')
  restic_must "restic restore failed" restore --verify --target "$f_beside" --include "$f_pattern" "$(id_of "$f_stamp")"
}
restore_check() { each_path is_beside || fail "the copy of $f_stamp has no $f_each: everything is as it was"; }
is_beside() { is_there "$(beside "$1")$1"; }
restore_swap() {
  : >"$f_work/moved"
  if ! each_path swap_one; then
    f_failure=$f_said
    while IFS= read -r f_path; do
      mv "$f_path" "$(beside "$f_path")$f_path" 2>/dev/null
      is_there "$f_path.before-$f_moment" && mv "$f_path.before-$f_moment" "$f_path"
    done <"$f_work/moved"
    fail_with "$f_each could not be replaced; everything is as it was" 1 "$f_failure"
  fi
  each_path remove_beside
  sync
}
swap_one() {
  printf '%s\n' "$1" >>"$f_work/moved"
  if is_there "$1"; then
    f_said=$(mv "$1" "$1.before-$f_moment" 2>&1) || return 1
    f_before=${f_before:+$f_before, }$1.before-$f_moment
  fi
  f_said=$(mv "$(beside "$1")$1" "$1" 2>&1)
}
remove_beside() { rm -rf "$(beside "$1")"; }
restore_undo() { each_path remove_beside; }
