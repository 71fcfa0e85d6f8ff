# shellcheck shell=sh
# A commit of a repository as files: a bare mirror, and an export of what the commit holds, as `git archive` makes it.
# In: f_mirror f_repo f_version f_submodules f_staging (the folder to make, and the beginning of names beside it); and git_run.sh.
f_ref=refs/fraisier/$f_version

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

export_commit() {
  has git || fail "git is not installed on $f_here"
  if [ ! -f "$f_mirror/HEAD" ]; then
    f_said=$(git_run init --quiet --bare "$f_mirror" 2>&1) || fail_with "cannot create the mirror" 1 "$f_said"
  fi
  fetch_commit
  make_folder "$f_staging"
  export_tree "$f_mirror" "$f_version" "$f_staging"
  [ "$f_submodules" = 0 ] || export_submodules
}
