# shellcheck shell=sh
# The swap: one rename of a symbolic link.
# In: f_app_path f_release_id f_state f_bad_release_id f_allow_bad and what instance.sh says: with two instances a release becomes
# `present` at one of them and `live` when `current` follows.
[ "$f_state" = present ] || f_place=current
# A release that serves already has its instance: there is nothing to link.
if [ -n "${f_live:-}" ] && [ "$f_color" = "$f_live" ]; then f_place=current; fi
f_link=$f_app_path/$f_place
f_changed=0

mark_bad() {
  [ -n "$f_bad_release_id" ] && is_complete "$f_bad_release_id" || return 0
  [ -e "$f_app_path/releases/$f_bad_release_id/.fraisier-bad" ] && return 0
  f_changed=1
  [ "$f_check" = 1 ] && return 0
  (: >"$f_app_path/releases/$f_bad_release_id/.fraisier-bad") 2>/dev/null || fail "cannot mark release $f_bad_release_id as bad"
}
# Who wants a release although it is marked takes the mark away with that.
unmark() {
  [ "$f_allow_bad" = 1 ] && [ -e "$f_app_path/releases/$f_release_id/.fraisier-bad" ] || return 0
  f_changed=1
  [ "$f_check" = 1 ] && return 0
  rm -f "$f_app_path/releases/$f_release_id/.fraisier-bad" 2>/dev/null || fail "cannot take the mark of release $f_release_id away"
}
must_be_usable() {
  f_release=$f_app_path/releases/$f_release_id
  # In check mode the release may be one that the fetch before us would have made.
  if [ "$f_check" = 1 ] && [ ! -e "$f_release" ]; then return 0; fi
  is_complete "$f_release_id" || fail "release $f_release_id is not complete on this host (no $f_release/REVISION)"
  [ ! -e "$f_release/.fraisier/building" ] || fail "the build of release $f_release_id did not finish on this host"
  [ ! -e "$f_release/.fraisier-bad" ] || [ "$f_allow_bad" = 1 ] || fail "release $f_release_id is marked as bad on this host"
}
# Written before the swap: no service that was started for this release can be older than this moment.
remember() { printf '%s %s\n' "$f_release_id" "$1" 2>/dev/null >"$f_app_path/.fraisier/activated" || :; }
swap() {
  make_folder "$f_app_path/.fraisier"
  f_said=$(ln -s "releases/$f_release_id" "$f_link.$f_token" 2>&1) || fail_with "cannot create the link" 1 "$f_said"
  if [ "$f_state" = present ]; then # what is made live was activated when it became present
    f_now=$(now)
    remember "$f_now"
  fi
  f_said=$(mv -T "$f_link.$f_token" "$f_link" 2>&1) && return 0
  rm -f "$f_link.$f_token"
  fail_with "cannot swap $f_link" 1 "$f_said"
}
remove_link() {
  [ -L "$1" ] || return 0
  f_changed=1
  [ "$f_check" = 0 ] || return 0
  f_said=$(rm -f "$1" 2>&1) || fail_with "cannot remove $1" 1 "$f_said"
  rm -f "$f_app_path/.fraisier/activated"
}
# When this release was activated: now, or at the swap that an earlier run did.
activation_time() {
  [ -n "${f_now:-}" ] && emit activated_at "$f_now" && return 0
  f_noted=$(cat "$f_app_path/.fraisier/activated" 2>/dev/null)
  if [ "${f_noted%% *}" = "$f_release_id" ]; then emit activated_at "${f_noted#* }"; else emit activated_at 0; fi
}

if [ -e "$f_link" ] && [ ! -L "$f_link" ]; then fail "$f_link is not a symbolic link: move it away first"; fi
current_release
emit previous_release_id "$f_current"
emit link "$f_link"
emit link_before "$(release_at "$f_place")"
if [ "$f_state" != absent ]; then
  must_be_usable
  unmark
  if [ "$f_state" = live ] && [ "$(release_at "$f_color")" != "$f_release_id" ]; then
    [ "$f_check" = 1 ] || fail "no instance has release $f_release_id: it cannot be made the one that serves"
  fi
  if [ "$(release_at "$f_place")" != "$f_release_id" ]; then
    f_changed=1
    [ "$f_check" = 1 ] || swap
  fi
  activation_time
else
  for f_each in current $f_other_links; do remove_link "$f_app_path/$f_each"; done
fi
emit is_live "$([ -n "${f_live:-}" ] && [ "$f_color" = "$f_live" ] && echo 1 || echo 0)"
mark_bad
emit changed "$f_changed"
finish
