# shellcheck shell=sh
# Takes the place of an earlier run, and with it ends what that one still does here. In: f_app_path f_job
if [ -d "$f_app_path/.fraisier" ]; then fenced; fi
emit stopped "${f_ended:-}"
emit changed "$([ -n "${f_ended:-}" ] && echo 1 || echo 0)"
finish
