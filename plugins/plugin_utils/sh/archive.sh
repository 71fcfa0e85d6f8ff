# shellcheck shell=sh
# On the controller: a commit as an archive, made once for all hosts, in a folder that is the repository's own.
# In: f_app_path (that folder) f_version f_repo f_submodules f_timeout_seconds; function git_environment, git_run.sh, git_export.sh.
f_mirror=$f_app_path/repo
f_staging=$f_app_path/.staging
f_here="the controller"
f_archive=$f_app_path/$f_version-$f_submodules.tar.gz
set_deadline "$f_timeout_seconds"
f_said=$( (umask 077 && mkdir -p "$f_app_path") 2>&1) || fail_with "cannot create $f_app_path" 1 "$f_said"
lock fetch "$f_timeout_seconds" || fail "another fetch holds $f_app_path/.fraisier/fetch.lock for $f_timeout_seconds s"
if [ ! -f "$f_archive" ]; then
  rm -rf "$f_staging"*
  export_commit
  f_said=$(tar -c -z -f "$f_staging.tar.gz" -C "$f_staging" . 2>&1 && mv "$f_staging.tar.gz" "$f_archive" 2>&1) ||
    fail_with "cannot write $f_archive" 1 "$f_said"
  rm -rf "$f_staging"
fi
# Older ones are made again when somebody wants them.
find "$f_app_path" -maxdepth 1 -name '*.tar.gz' -mtime +0 ! -path "$f_archive" -exec rm -f {} + 2>/dev/null
emit archive "$f_archive"
emit changed 0
finish
