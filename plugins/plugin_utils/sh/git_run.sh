# shellcheck shell=sh
# Git that asks no questions, follows no odd protocols, and ends in time. In: function git_environment.
# shellcheck disable=SC2016  # the helper expands its own variables: credentials stay out of every argv
f_helper='!f() { printf "username=%s\npassword=%s\n" "$FRAISIER_GIT_USERNAME" "$FRAISIER_GIT_PASSWORD"; }; f'
git_run() (
  export GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=file:git:http:https:ssh LC_ALL=C
  export GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes -o ConnectTimeout=20}"
  unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_CONFIG_PARAMETERS
  git_environment
  [ -z "${FRAISIER_GIT_USERNAME+x}" ] || set -- -c credential.helper= -c "credential.helper=$f_helper" "$@"
  limited git -c gc.auto=0 -c maintenance.auto=false -c tar.umask=0022 -c advice.detachedHead=false "$@"
)
