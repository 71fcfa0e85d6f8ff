# shellcheck shell=sh
# Copies that are dumps: each a folder with the dump, a manifest and SHA256SUMS, in a store. In: f_kind f_format f_store; a source, which has
# source_exists, source_ready, source_dump, source_check (sets f_tables); a store, which has store_ready, store_takes, store_list, store_put, store_get (sets f_copy), store_bad,
# store_remove.
way_ready() {
  need sha256sum coreutils
  store_ready
}
way_takes() { store_takes; }
list_copies() { store_list; }
take_copy() { # STAMP
  f_made=$f_work/copy
  make_folder "$f_made"
  source_dump "$f_made"
  f_bytes=$(du -sk "$f_made" | awk '{ printf "%.0f", $1 * 1024 }')
  printf '%s\n' "kind $f_kind" "format $f_format" "taken_at $1" "tool $f_tool" >"$f_made/manifest"
  f_said=$(cd "$f_made" && find . -type f -exec sha256sum {} + 2>&1 >"$f_work/sums" && mv "$f_work/sums" SHA256SUMS 2>&1) ||
    fail_with "cannot write checksums" 1 "$f_said"
  check_folder "$f_made"
  emit tables "$f_tables"
  emit bytes "$f_bytes"
  emit sha256 "$(sha256sum <"$f_made/SHA256SUMS" | cut -d ' ' -f 1)"
  store_put "$f_made" "$1"
}
check_copy() { # STAMP
  f_checked=$1
  store_get "$1"
  check_folder "$f_copy"
  emit tables "$f_tables"
  emit sha256 "$(sha256sum <"$f_copy/SHA256SUMS" | cut -d ' ' -f 1)"
}
check_folder() { # FOLDER
  f_said=$(cd "$1" && sha256sum -c SHA256SUMS 2>&1 >/dev/null) || broken "a checksum does not hold" "$f_said"
  source_check "$1"
  enough_tables
}
mark_bad() { store_bad "$1"; }
tidy_copies() { :; }
remove_copy() { store_remove "$1"; }
