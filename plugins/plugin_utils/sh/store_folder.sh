# shellcheck shell=sh
# Copies in a folder of this host. In: f_store.
f_room=$f_store
store_ready() { [ ! -L "$f_store" ] || fail "$f_store is a symbolic link: copies are not kept through it"; }
store_takes() {
  f_near=$f_store
  while [ ! -d "$f_near" ]; do f_near=$(dirname "$f_near"); done
  if [ ! -w "$f_near" ] || [ ! -x "$f_near" ]; then fail "$(id -un) may not write into $f_near, where the copies would be kept ($f_store)"; fi
}
store_list() {
  for f_folder in "$f_store"/*; do
    f_name=${f_folder##*/}
    if [ -d "$f_folder" ] && [ ! -L "$f_folder" ] && is_stamp "${f_name%.bad}"; then
      case $f_name in *.bad) echo "${f_name%.bad} bad" ;; *) echo "$f_name good" ;; esac
    fi
  done >"$f_work/listed"
}
# On the disk before it has its name: a dump is wanted most after the power went.
store_put() { # FOLDER STAMP
  sync -f "$1" 2>/dev/null || sync
  f_said=$(mv "$1" "$f_store/$2" 2>&1 && { sync -f "$f_store" 2>/dev/null || sync; }) || fail_with "cannot keep the copy" 1 "$f_said"
}
store_get() { f_copy=$f_store/$1; }
store_bad() { mv "$f_store/$1" "$f_store/$1.bad"; }
store_remove() { # STAMP; out of sight by one rename first
  [ -d "$f_store/$1" ] || set -- "$1.bad"
  f_said=$(mv "$f_store/$1" "$f_work/removed-$1" 2>&1 && rm -rf "$f_work/removed-$1" 2>&1) || fail_with "cannot remove $f_store/$1" 1 "$f_said"
}
