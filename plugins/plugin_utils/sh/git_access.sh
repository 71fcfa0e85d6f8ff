# shellcheck shell=sh
# Whether the repository answers, as whoever fetches: what git says of it is for the plugin to explain.
# In: f_repo f_branch f_git_seconds; function git_environment; git_run.sh.
git_access() {
  [ -n "$f_repo" ] && has git || return 0
  set_deadline "$f_git_seconds"
  f_said=$(git_run ls-remote --quiet -- "$f_repo" "refs/heads/$f_branch" "refs/tags/$f_branch" 2>&1)
  emit git_rc "$?"
  emit_text git_said "$(printf '%s' "$f_said" | tail -n 5)"
}
