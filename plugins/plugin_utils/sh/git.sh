# shellcheck shell=sh
# A commit becomes a release: mirror, export into a hidden folder, one rename.
# In: f_app_path f_release_id f_version f_repo f_submodules f_shared f_timeout_seconds f_manifest; function git_environment; and git_run.sh.
f_mirror=$f_app_path/repo
f_release=$f_app_path/releases/$f_release_id
f_staging=$f_app_path/releases/.staging-$f_release_id
f_ref=refs/fraisier/$f_version

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

fetch_commit() {
  git_run -C "$f_mirror" rev-parse --quiet --verify "$f_ref^{commit}" >/dev/null 2>&1 && return 0
  # The ref is written after git has checked that everything below the commit is there: it alone says "we have it".
  f_said=$(git_run -C "$f_mirror" fetch --quiet --no-tags -- "$f_repo" "+$f_version:$f_ref" 2>&1) && return 0
  # Some servers give away only what a branch or tag points to.
  f_more=$(git_run -C "$f_mirror" fetch --quiet --prune -- "$f_repo" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*' 2>&1)
  f_rc=$?
  [ "$f_rc" = 0 ] || fail_with "git fetch failed" "$f_rc" "$f_more"
  # cat-file first: to update-ref a commit of zeros means "delete".
  git_run -C "$f_mirror" cat-file -e "$f_version^{commit}" >/dev/null 2>&1 &&
    git_run -C "$f_mirror" update-ref "$f_ref" "$f_version" >/dev/null 2>&1 && return 0
  fail_with "commit $f_version is not in the repository" 1 "$f_said"
}

# export_tree GIT_FOLDER TREE FOLDER. The file beside it says that git came to its end; a pipe tells only of tar.
export_tree() {
  f_said=$({ { git_run -C "$1" archive --format=tar "$2" && : >"$f_staging.ok"; } | tar -x -o -f - -C "$3"; } 2>&1) ||
    fail_with "cannot unpack the commit" 1 "$f_said"
  [ -f "$f_staging.ok" ] || fail_with "git archive failed" 1 "$f_said"
  rm -f "$f_staging.ok"
}

# git archive knows no submodules: a throw-away clone fetches them, and each is exported like the rest.
export_submodules() {
  f_clone=$f_staging.clone
  f_said=$({
    git_run clone --quiet --shared --no-checkout "$f_mirror" "$f_clone" &&
      git_run -C "$f_clone" checkout --quiet --detach "$f_version" &&
      git_run -C "$f_clone" config remote.origin.url "$f_repo" &&
      git_run -C "$f_clone" submodule --quiet update --init --recursive
  } 2>&1) || fail_with "git submodule failed" 1 "$f_said"
  # shellcheck disable=SC2016  # expanded by git's own shell
  f_modules=$(git_run -C "$f_clone" submodule --quiet foreach --recursive 'printf "%s\n" "$displaypath"' 2>/dev/null)
  while IFS= read -r f_module; do
    [ -n "$f_module" ] || continue
    make_folder "$f_staging/$f_module"
    export_tree "$f_clone/$f_module" HEAD "$f_staging/$f_module"
  done <<MODULES
$f_modules
MODULES
  rm -rf "$f_clone"
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
}

set_deadline "$f_timeout_seconds"
current_release
done_already
if [ -e "$f_release" ] || [ -L "$f_release" ]; then fail "$f_release exists and is no release of ours (no REVISION): remove it"; fi
[ "$f_check" = 1 ] && report 1
has git || fail "git is not installed on the host"
make_folder "$f_app_path/releases" "$f_app_path/shared"
lock fetch "$f_timeout_seconds" || fail "another fetch holds $f_app_path/.fraisier/fetch.lock for $f_timeout_seconds s"
done_already
rm -rf "$f_app_path/releases"/.staging-*
if [ ! -f "$f_mirror/HEAD" ]; then
  f_said=$(git_run init --quiet --bare "$f_mirror" 2>&1) || fail_with "cannot create the mirror" 1 "$f_said"
fi
fetch_commit
make_folder "$f_staging"
export_tree "$f_mirror" "$f_version" "$f_staging"
[ "$f_submodules" = 0 ] || export_submodules
link_shared
write_marks
f_said=$(mv "$f_staging" "$f_release" 2>&1) || fail_with "cannot put the release in place" 1 "$f_said"
report 1
