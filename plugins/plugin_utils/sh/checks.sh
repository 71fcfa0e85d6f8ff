# shellcheck shell=sh
# What a host needs before anything is deployed to it; who reads this says what becomes of a problem: problem SENTENCE [WHAT TO DO].
# In: f_app_path f_tools f_min_free_mb f_manager_wanted f_python f_unit_exists f_venv and what process.sh needs.

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
  if [ ! -w "$f_near" ] || [ ! -x "$f_near" ]; then 
    problem "$(id -un) may not write into $f_near ($f_app_path)" "make it once, as root: install -d -o $(id -un) $f_app_path"
  fi
  if [ -e "$f_app_path/current" ] && [ ! -L "$f_app_path/current" ]; then problem "$f_app_path/current is not a symbolic link: move it away first"; fi
}
check_disk() {
  nearest_folder
  f_free=$(df -Pk "$f_near" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
  emit free_mb "${f_free:-0}"
  [ "${f_free:-0}" -ge "$f_min_free_mb" ] || problem "only ${f_free:-0} MB are free at $f_near, $f_min_free_mb are wanted" \
    "make room (keep_releases says how many releases stay), or set min_free_mb"
}
check_tools() {
  while IFS= read -r f_tool; do
    [ -z "$f_tool" ] || has "$f_tool" || problem "$f_tool is not installed" "apt-get install $f_tool"
  done <<TOOLS
$f_tools
TOOLS
}
check_manager() {
  case $f_manager_wanted in
    systemd) check_systemd ;;
    supervisor) check_supervisor ;;
    docker_compose) check_docker_compose ;;
  esac
}
check_systemd() {
  if ! has systemctl || [ ! -d /run/systemd/system ]; then
    problem "systemd does not run on this host" "service: {manager: supervisor} needs none"
  elif [ "$f_scope" = user ] && [ ! -e "$XDG_RUNTIME_DIR/bus" ]; then
    problem "the user manager of $(id -un) does not run (loginctl enable-linger $(id -un))" "as root: loginctl enable-linger $(id -un)"
  elif [ "$f_unit_exists" = 1 ] && ! sc cat -- "$f_unit" >/dev/null 2>&1; then
    problem "unit $f_unit does not exist on this host, and no service.exec says what to run" \
      "install the unit, or set service.exec and Fraisier writes it"
  fi
}
check_supervisor() {
  [ -x "$f_venv/bin/supervisord" ] && return 0
  "$f_python" -c 'import ensurepip, venv' >/dev/null 2>&1 || problem "$f_python with venv and ensurepip is needed for supervisor (Debian: python3-venv)" "apt-get install python3-venv"
}
check_docker_compose() {
  if ! find_compose; then
    problem "neither docker compose nor podman-compose is on the host" "apt-get install podman podman-compose, or Docker's own packages"
  elif ! has "$f_engine"; then
    problem "$f_engine is not on the host" "apt-get install $f_engine"
  elif ! f_said=$(engine ps --quiet 2>&1); then
    problem "$(id -un) cannot use $f_engine: $(printf '%s\n' "$f_said" | tail -n 1)" "become: true, or a user whom $f_engine answers"
  elif ! front_end config --help >/dev/null 2>&1; then
    problem "compose does not run here, or is too old to show its configuration (compose config)" \
      "look at compose_command; podman-compose must be 1.6 or newer, e.g. from pipx"
  fi
}
