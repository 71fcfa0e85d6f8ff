# shellcheck shell=sh
# Check mode, before the release is there: the commit in a folder that goes when the script ends, beside what the current release has
# and the repository does not (dependencies, built files, shared links). In: f_app_path f_version f_repo f_work f_sent (an
# archive of the commit, then unpack.sh; empty: it is fetched); and git_run.sh.
preview_release() {
  f_tree=$f_work/tree
  if [ -n "$f_sent" ]; then
    unpack "$f_tree"
  else
    preview_export
  fi
  borrow_from_current
  f_directory=$f_tree
}
preview_export() {
  f_store=$f_work/store
  f_said=$(git_run init --quiet --bare "$f_store" 2>&1) || fail_preview "$f_said"
  [ ! -d "$f_app_path/repo/objects" ] || printf '%s\n' "$f_app_path/repo/objects" >"$f_store/objects/info/alternates"
  preview_fetch
  mkdir "$f_tree" || fail_preview "cannot create $f_tree"
  f_said=$({ git_run -C "$f_store" archive --format=tar "$f_version" | tar -x -o -f - -C "$f_tree"; } 2>&1) || fail_preview "$f_said"
}
borrow_from_current() {
  current_release
  cat "$f_app_path/current/.fraisier/tracked" >"$f_work/tracked" 2>/dev/null ||
    git_run -C "$f_app_path/repo" ls-tree --name-only "$(version_of "$f_current")" >"$f_work/tracked" 2>/dev/null
  for f_entry in "$f_app_path/current"/* "$f_app_path/current"/.[!.]*; do
    f_name=${f_entry##*/}
    case $f_name in .fraisier*) continue ;; esac
    if [ ! -e "$f_entry" ] || [ -e "$f_tree/$f_name" ] || grep -Fxq -e "$f_name" "$f_work/tracked"; then continue; fi
    ln -s "$f_entry" "$f_tree/$f_name"
  done
}
# The tool must find the new code, whatever is installed beside it, and leave nothing in what it borrows.
preview_environment() {
  export PYTHONDONTWRITEBYTECODE=1 FRAISIER_RELEASE_PATH="$f_tree"
  export PYTHONPATH="$f_tree:$f_tree/src${PYTHONPATH:+:$PYTHONPATH}"
}
preview_fetch() {
  git_run -C "$f_store" cat-file -e "$f_version^{tree}" >/dev/null 2>&1 && return 0
  git_run -C "$f_store" fetch --quiet --no-tags --depth 1 -- "$f_repo" "$f_version" >/dev/null 2>&1 && return 0
  # Some servers give away only what a branch or tag points to.
  f_said=$(git_run -C "$f_store" fetch --quiet -- "$f_repo" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*' 2>&1) || fail_preview "$f_said"
  git_run -C "$f_store" cat-file -e "$f_version^{tree}" >/dev/null 2>&1 || fail_preview "commit $f_version is not in the repository"
}
fail_preview() { fail "the commit could not be looked at: $(printf '%s\n' "$1" | grep . | tail -n 3)"; }
