# shellcheck shell=sh
# Old releases go, and with them their images where f_project says so. In: f_app_path f_keep f_protect f_project; then compose_prune.sh.
f_releases=$f_app_path/releases
f_changed=0

# Newest first, good ones before bad ones: what stands behind the number to keep is removed, from the end.
in_order() {
  for f_folder in "$f_releases"/*; do
    f_id=${f_folder##*/}
    if [ ! -d "$f_folder" ] || [ -L "$f_folder" ] || ! is_release_id "$f_id"; then continue; fi
    f_rank=1
    if [ -e "$f_folder/.fraisier-bad" ] || ! is_complete "$f_id"; then f_rank=0; fi
    printf '%s %s\n' "$f_rank" "$f_id"
  done | sort -r | cut -d ' ' -f 2
}
is_protected() {
  [ "$1" = "$f_current" ] || printf '%s\n' "$f_protect" | grep -Fqx -e "$1"
}
# First out of sight by one rename, so that a killed run leaves no half of a release under its name.
remove() {
  f_changed=1
  emit removed "$1"
  if [ -n "$f_project" ]; then forget_images "$f_releases/$1" "$1"; fi
  [ "$f_check" = 1 ] && return 0
  f_said=$(mv "$f_releases/$1" "$f_releases/.staging-removed-$1" 2>&1 && rm -rf "$f_releases/.staging-removed-$1" 2>&1) ||
    fail_with "cannot remove release $1" 1 "$f_said"
}
remove_old() {
  f_seen=0
  while IFS= read -r f_id; do
    [ -n "$f_id" ] || continue
    f_seen=$((f_seen + 1))
    if [ "$f_seen" -gt "$f_keep" ] && ! is_protected "$f_id"; then remove "$f_id"; fi
  done <<ORDER
$(in_order)
ORDER
}
# What a killed run left; not while a fetch is running, for then they are its own.
remove_leftovers() {
  for f_folder in "$f_releases"/.staging-* "$f_releases"/.sent-*; do
    [ -e "$f_folder" ] || [ -L "$f_folder" ] || continue
    f_changed=1
    emit removed "${f_folder##*/}"
    [ "$f_check" = 1 ] || rm -rf "$f_folder"
  done
}
# Each release holds its commit by a ref; what no release holds any more, git may forget.
forget_commits() {
  if [ ! -f "$f_app_path/repo/HEAD" ] || ! has git; then return 0; fi
  f_held_commits=$(cat "$f_releases"/*/REVISION 2>/dev/null)
  for f_ref in $(git -C "$f_app_path/repo" for-each-ref --format='%(refname)' refs/fraisier 2>/dev/null); do
    printf '%s\n' "$f_held_commits" | grep -Fqx -e "${f_ref##*/}" || git -C "$f_app_path/repo" update-ref -d "$f_ref" 2>/dev/null
  done
  set_deadline 120
  limited git -C "$f_app_path/repo" -c gc.autoDetach=false gc --auto --quiet >/dev/null 2>&1 || :
}

[ ! -L "$f_releases" ] || fail "$f_releases is a symbolic link: nothing is removed through it"
if [ ! -d "$f_releases" ]; then
  emit changed 0
  finish
fi
current_release
f_alone=1
if [ "$f_check" = 0 ]; then lock fetch 0 || f_alone=0; fi
remove_old
[ "$f_alone" = 0 ] || remove_leftovers
if [ -n "$f_project" ]; then forget_strays; fi
if [ "$f_check" = 0 ] && [ "$f_alone$f_changed" = 11 ]; then forget_commits; fi
emit changed "$f_changed"
finish
