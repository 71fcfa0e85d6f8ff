# shellcheck shell=sh
# An SQLite database comes back by the online backup, too: whoever has it open sees the old state or the new one, and never a file that is gone.
restore_ready() {
  f_before=
  [ -e "$f_path" ] || return 0
  sqlite "$f_path" "PRAGMA schema_version;" || fail_run "$f_path cannot be read as a database; put it aside, and nothing is in the way" "$?"
}
restore_beside() {
  f_beside=$f_work/beside
  read_dump "$f_copy" "$f_beside"
}
restore_check() {
  sqlite "$f_beside" "PRAGMA integrity_check;" || fail_run "what was restored cannot be read" "$?"
  [ "$(cat "$f_work/out")" = ok ] || fail_with "what was restored is damaged" 1 "$(head -n 20 "$f_work/out")"
}
restore_swap() {
  if [ -e "$f_path" ]; then
    f_before=$f_path.before-$(stamp_now)
    (cd "$f_work" && sqlite "$f_path" ".backup main before") || fail_run "$f_path cannot be copied first" 1
    f_said=$(cp -p "$f_path" "$f_before" 2>&1 && cat "$f_work/before" 2>&1 >"$f_before") || fail_with "cannot write $f_before" 1 "$f_said"
    (cd "$f_work" && sqlite "$f_path" ".restore main beside") || fail_run "$f_path could not be replaced; it is as it was" 1
  else
    make_folder "$(dirname "$f_path")"
    f_said=$(cp "$f_beside" "$f_path.$f_token" 2>&1 && mv "$f_path.$f_token" "$f_path" 2>&1) || fail_with "cannot write $f_path" 1 "$f_said"
  fi
  sync -f "$f_path" 2>/dev/null || sync
}
restore_undo() { rm -f "$f_path.$f_token"; }
