# shellcheck shell=sh
# A release of what has no repository: a folder with the version, put in place by one rename. In: f_app_path f_release_id f_version f_manifest
f_release=$f_app_path/releases/$f_release_id
f_staging=$f_app_path/releases/.staging-$f_release_id
if is_complete "$f_release_id"; then
  [ "$(version_of "$f_release_id")" = "$f_version" ] ||
    fail "release $f_release_id exists with another version ($(version_of "$f_release_id")): a release id is used once"
  emit changed 0
  finish
fi
if [ -e "$f_release" ] || [ -L "$f_release" ]; then fail "$f_release exists and is no release of ours (no REVISION): remove it"; fi
if [ "$f_check" = 0 ]; then
  make_folder "$f_app_path/releases"
  rm -rf "$f_staging"
  make_folder "$f_staging"
  { printf '%s\n' "$f_manifest" >"$f_staging/.fraisier.json" && printf '%s\n' "$f_version" >"$f_staging/REVISION"; } 2>/dev/null ||
    fail "cannot write REVISION into the release (disk full?)"
  f_said=$(mv "$f_staging" "$f_release" 2>&1) || fail_with "cannot put the release in place" 1 "$f_said"
fi
emit changed 1
finish
