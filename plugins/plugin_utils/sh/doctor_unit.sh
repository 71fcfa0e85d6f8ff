# shellcheck shell=sh
# The unit, as whoever writes and restarts it: may it be written, is it sound. In: f_unit f_scope f_content.
f_tab=$(printf '\t')
found() { emit check "unit$f_tab$1$f_tab$(printf '%s' "$2" | tr '\n\t' '  ')$f_tab${3:-}"; }
unit_folder() {
  if [ "$f_scope" = user ]; then f_folder=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user; else f_folder=/etc/systemd/system; fi
  f_near=$f_folder
  while [ ! -d "$f_near" ]; do f_near=${f_near%/*}; done
}

user_bus
emit user "$(id -un)"
if ! has systemctl || [ ! -d /run/systemd/system ]; then finish; fi
unit_folder
f_shown=$(sc show -p LoadState -p ActiveState -p NeedDaemonReload -p FragmentPath -- "$f_unit" 2>/dev/null)
f_state=$(printf '%s\n' "$f_shown" | sed -n 's/^ActiveState=//p')
f_path=$(printf '%s\n' "$f_shown" | sed -n 's/^FragmentPath=//p')
if [ "$f_written" = 1 ] && [ ! -w "$f_near" ]; then
  found problem "$(id -un) may not write $f_folder/$f_unit" "service.become, or a sudo rule for the user: fraisier bootstrap"
elif [ -z "$f_path" ]; then
  if [ "$f_written" = 1 ]; then
    found ok "$f_unit will be written to $f_folder"
  else
    found problem "$f_unit does not exist" "install the unit, or set service.exec and Fraisier writes it"
  fi
elif has systemd-analyze && ! f_said=$(set_deadline 20 && limited systemd-analyze verify "$f_path" 2>&1); then
  found warning "$f_path is not sound: $(printf '%s\n' "$f_said" | grep . | tail -n 2)" "systemd-analyze verify $f_path"
elif [ "$f_state" = failed ]; then
  found warning "$f_unit has failed" "journalctl --unit $f_unit"
else
  found ok "$f_unit is $f_state"
  case $f_shown in *NeedDaemonReload=yes*) found warning "$f_path is newer than what systemd has read" "systemctl daemon-reload" ;; esac
fi
finish
