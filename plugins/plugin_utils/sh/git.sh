# shellcheck shell=sh
# A commit becomes a release: exported into a hidden folder, then one rename.
# In: f_app_path f_release_id f_version f_shared f_timeout_seconds f_manifest; f_step: `fetch` from the repository (f_repo f_submodules,
# function git_environment, git_run.sh, git_export.sh), or `ask` whether an archive is wanted and where it is to be written, then `unpack`
# that one of f_size bytes.
f_release=$f_app_path/releases/$f_release_id
f_staging=$f_app_path/releases/.staging-$f_release_id
f_mirror=$f_app_path/repo
f_here="the host"
# Not one of the folders that are put aside before a release is made.
f_sent=$f_app_path/releases/.sent-$f_release_id

report() {
  emit changed "$1"
  emit from_release "$f_current"
  emit from_version "$(version_of "$f_current")"
  finish
}
done_already() {
  is_complete "$f_release_id" || return 0
  [ "$(version_of "$f_release_id")" = "$f_version" ] ||
    fail "release $f_release_id exists with another commit ($(version_of "$f_release_id")): a release id is used once"
  report 0
}

# A folder above a linked path that is itself a link would lead us out of the release.
no_link_above() {
  f_above=$1
  while [ "$f_above" != "${f_above%/*}" ]; do
    f_above=${f_above%/*}
    [ ! -L "$f_staging/$f_above" ] || fail "shared path $1: $f_above is a symbolic link in the repository"
  done
}
upwards() { printf '%s' "$1" | sed 's![^/]*$!!; s![^/]*/!../!g'; }
is_empty() { [ -z "$(ls -A "$1" 2>/dev/null)" ]; }

# What the repository has at a shared path seeds an empty shared one, once; afterwards the shared one wins.
seed_folder() {
  make_folder "$f_kept"
  if is_empty "$f_kept" && [ -d "$f_staging/$f_path" ] && [ ! -L "$f_staging/$f_path" ]; then
    f_said=$(cp -Rp "$f_staging/$f_path/." "$f_kept/" 2>&1) || fail_with "cannot seed $f_kept" 1 "$f_said"
  fi
}
seed_file() {
  make_folder "$(dirname "$f_kept")"
  [ -e "$f_kept" ] && return 0
  if [ -f "$f_staging/$f_path" ] && [ ! -L "$f_staging/$f_path" ]; then
    f_said=$(cp -p "$f_staging/$f_path" "$f_kept.new.$$" 2>&1 && mv "$f_kept.new.$$" "$f_kept" 2>&1) ||
      fail_with "cannot seed $f_kept" 1 "$f_said"
  else
    emit warning "shared file $f_path does not exist in $f_app_path/shared yet: the release links to nothing there"
  fi
}
link_shared() {
  [ -n "$f_shared" ] || return 0
  while IFS= read -r f_entry; do
    f_path=${f_entry%/}
    f_kept=$f_app_path/shared/$f_path
    no_link_above "$f_path"
    if [ "$f_entry" != "$f_path" ]; then seed_folder; else seed_file; fi
    case $f_path in */*) make_folder "$f_staging/${f_path%/*}" ;; esac
    f_said=$(rm -rf "${f_staging:?}/$f_path" 2>&1 && ln -s "$(upwards "$f_path")../../shared/$f_path" "$f_staging/$f_path" 2>&1) ||
      fail_with "cannot link shared path $f_path" 1 "$f_said"
  done <<SHARED
$f_shared
SHARED
}

write_marks() {
  # The repository may have files, or links, of these names: they are ours.
  rm -rf "$f_staging/.fraisier" "$f_staging/.fraisier.json" "$f_staging/REVISION" "$f_staging/.fraisier-bad"
  { printf '%s\n' "$f_manifest" >"$f_staging/.fraisier.json" && printf '%s\n' "$f_version" >"$f_staging/REVISION"; } 2>/dev/null ||
    fail "cannot write REVISION into the release (disk full?)"
  [ "$f_step" = unpack ] || return 0
  # There is no mirror here to ask.
  make_folder "$f_staging/.fraisier"
  printf '%s\n' "$f_tracked" 2>/dev/null >"$f_staging/.fraisier/tracked" || fail "cannot write into the release (disk full?)"
  rm -f "$f_sent"
}

set_deadline "$f_timeout_seconds"
current_release
done_already
if [ -e "$f_release" ] || [ -L "$f_release" ]; then fail "$f_release exists and is no release of ours (no REVISION): remove it"; fi
[ "$f_check" = 1 ] && report 1
make_folder "$f_app_path/releases" "$f_app_path/shared"
lock fetch "$f_timeout_seconds" || fail "another fetch holds $f_app_path/.fraisier/fetch.lock for $f_timeout_seconds s"
done_already
rm -rf "$f_app_path/releases"/.staging-*
case $f_step in
  ask)
    rm -rf "$f_app_path/releases"/.sent-*
    emit wanted "$f_sent"
    finish
    ;;
  unpack)
    unpack "$f_staging"
    f_tracked=$(ls -A "$f_staging")
    ;;
  *) export_commit ;;
esac
link_shared
write_marks
f_said=$(mv "$f_staging" "$f_release" 2>&1) || fail_with "cannot put the release in place" 1 "$f_said"
report 1
