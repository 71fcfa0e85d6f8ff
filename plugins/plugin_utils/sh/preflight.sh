# shellcheck shell=sh
# Looks at the host and changes nothing. In: f_app_path f_tools f_min_free_mb f_python f_unit_exists f_venv f_take and what process.sh needs.
problem() { emit problem "$1"; }

# The nearest folder that exists: that is where the app's folder is, or would be made.
nearest_folder() {
  f_near=$f_app_path
  while [ ! -d "$f_near" ]; do
    f_near=${f_near%/*}
    f_near=${f_near:-/}
  done
}
check_folder() {
  nearest_folder
  if [ ! -w "$f_near" ] || [ ! -x "$f_near" ]; then problem "$(id -un) may not write into $f_near ($f_app_path)"; fi
  if [ -e "$f_app_path/current" ] && [ ! -L "$f_app_path/current" ]; then problem "$f_app_path/current is not a symbolic link: move it away first"; fi
  f_free=$(df -Pk "$f_near" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
  emit free_mb "${f_free:-0}"
  [ "${f_free:-0}" -ge "$f_min_free_mb" ] || problem "only ${f_free:-0} MB are free at $f_near, $f_min_free_mb are wanted"
}
check_tools() {
  while IFS= read -r f_tool; do
    [ -z "$f_tool" ] || has "$f_tool" || problem "$f_tool is not installed"
  done <<TOOLS
$f_tools
TOOLS
}
check_manager() {
  case $f_manager_wanted in
    systemd) check_systemd ;;
    supervisor) check_supervisor ;;
  esac
}
check_systemd() {
  if ! has systemctl || [ ! -d /run/systemd/system ]; then
    problem "systemd does not run on this host"
  elif [ "$f_scope" = user ] && [ ! -e "$XDG_RUNTIME_DIR/bus" ]; then
    problem "the user manager of $(id -un) does not run (loginctl enable-linger $(id -un))"
  elif [ "$f_unit_exists" = 1 ] && ! sc cat -- "$f_unit" >/dev/null 2>&1; then
    problem "unit $f_unit does not exist on this host, and no service.exec says what to run"
  fi
}
check_supervisor() {
  [ -x "$f_venv/bin/supervisord" ] && return 0
  "$f_python" -c 'import ensurepip, venv' >/dev/null 2>&1 || problem "$f_python with venv and ensurepip is needed for supervisor (Debian: python3-venv)"
}
list_releases() {
  for f_folder in "$f_app_path"/releases/*; do
    f_id=${f_folder##*/}
    if ! is_complete "$f_id" || ! is_release_id "$f_id"; then continue; fi
    emit release "$f_id"
    [ ! -e "$f_folder/.fraisier-bad" ] || emit bad_release "$f_id"
  done
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
check_tools
check_manager
probe
emit_service
finish
