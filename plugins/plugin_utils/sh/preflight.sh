# shellcheck shell=sh
# Looks at the host and changes nothing. In: f_app_path f_tools f_min_free_mb f_python f_unit_exists f_venv f_take and what process.sh needs.
# Besides: checks.sh.
problem() { emit problem "$1"; }
list_releases() {
  for f_folder in "$f_app_path"/releases/*; do
    f_id=${f_folder##*/}
    if ! is_complete "$f_id" || ! is_release_id "$f_id"; then continue; fi
    emit release "$f_id"
    [ ! -e "$f_folder/.fraisier-bad" ] || emit bad_release "$f_id"
  done
}

# What the release says of itself, and which release the process was started in: the folder it works in tells, whatever it answers.
show_release() {
  f_manifest=$f_app_path/releases/$f_current/.fraisier.json
  if [ -n "$f_current" ] && [ -f "$f_manifest" ]; then emit manifest "$(head -c 4000 "$f_manifest" | head -n 1)"; fi
  [ "$f_pid" != 0 ] || return 0
  f_place=$(readlink "/proc/$f_pid/cwd" 2>/dev/null) || return 0
  f_root=$(cd -P "$f_app_path/releases" 2>/dev/null && pwd) || return 0
  case $f_place in
    "$f_root"/*)
      f_place=${f_place#"$f_root"/}
      f_place=${f_place%% *}
      emit process_release_id "${f_place%%/*}"
      ;;
  esac
}

# Who comes with a lease takes the place of an earlier holder from here on; where nothing is yet, fetching does it.
if [ "$f_take" = 1 ] && [ -d "$f_app_path/.fraisier" ]; then fenced; fi
user_bus
current_release
emit user "$(id -un)"
emit current_release_id "$f_current"
emit current_version "$(version_of "$f_current")"
list_releases
check_folder
check_disk
check_tools
check_manager
probe
emit_service
show_release
finish
