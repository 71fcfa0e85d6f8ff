# shellcheck shell=sh
# A database of SQLite is replaced by its own online backup, in the file that it has: programs that have it open see the old state or the new one.
# What served before is copied first, whole, under a name of its own; such a copy is never written again. With backup_sqlite.sh, restore_sqlite.sh.
replace_ready() {
  need sqlite3 sqlite3
  restore_ready
  f_shown=$f_path
  [ ! -e "$f_path" ] || f_before=$f_path.before-$(tag_of "$f_release")
}
is_kept_for_sure() { false; } # the copy is made before the swap, and says nothing about it
# Pages of another size could not take the place of those that are there.
page_size() {
  f_page=4096
  [ -e "$f_path" ] || return 0
  sqlite "$f_path" "PRAGMA page_size;" || fail_run "$f_path cannot be read" "$?"
  f_page=$(cat "$f_work/out")
}
clear_beside() { :; }
fit_beside() {
  page_size
  sqlite "$f_beside" "PRAGMA page_size;" || fail_run "what was restored cannot be read" "$?"
  [ "$(cat "$f_work/out")" = "$f_page" ] ||
    sqlite "$f_beside" "PRAGMA journal_mode = DELETE;" "PRAGMA page_size = $f_page;" "VACUUM;" || fail_run "the pages of the copy do not fit" "$?"
}
make_empty() {
  f_beside=$f_work/beside
  page_size
  sqlite "$f_beside" "PRAGMA page_size = $f_page;" "CREATE TABLE t (x);" "DROP TABLE t;" || fail_run "an empty database cannot be made" "$?"
}
swap_in() {
  if [ -n "$f_before" ]; then
    [ -e "$f_before" ] || keep_before
    (cd "$f_work" && sqlite "$f_path" ".restore main beside") || fail_run "$f_path could not be replaced" 1
  elif [ "$f_by" = copy ]; then
    restore_swap
  fi # whoever migrates makes an empty database
}
keep_before() {
  (cd "$f_work" && sqlite "$f_path" ".backup main before") || fail_run "$f_path cannot be copied first" 1
  f_new=$f_before.$f_token
  f_said=$(cp -p "$f_path" "$f_new" 2>&1 && cat "$f_work/before" 2>&1 >"$f_new" && { sync -f "$f_new" 2>/dev/null || sync; } && mv "$f_new" "$f_before" 2>&1) ||
    fail_with "cannot write $f_before" 1 "$f_said"
}
swap_back() { # RELEASE NAME
  need sqlite3 sqlite3
  if [ -n "$2" ] && [ -e "$2" ]; then
    f_said=$(cp "$2" "$f_work/back" 2>&1) || fail_with "$2 cannot be read" 1 "$f_said"
    (cd "$f_work" && sqlite "$f_path" ".restore main back") || fail_run "$f_path could not be put back; what served before is $2" 1
    sync -f "$f_path" 2>/dev/null || sync
    forget "$2"
  elif [ -z "$2" ] && is_through "$1"; then
    forget "$f_path"
  fi
}
forget() { rm -f "$1" "$1-wal" "$1-shm" "$1-journal"; } # NAME
