# shellcheck shell=sh
# Units of jobs by the clock. They are kept in the release, so that whoever goes back to it finds those that belong to it; the folder of
# systemd gets copies, and what is not among them any more goes. In: f_app_path f_scope f_state (present, restored, absent, checked)
# f_calendars f_work_folder (of the programs of ours, '' for none) f_work_owner; functions put_files, wanted_files (for `present`), and what process.sh needs.
has systemctl || fail "systemctl is not on the host: is systemd there?"
user_bus
current_release
f_store=$f_app_path/current/.fraisier/jobs
f_ours=$f_app_path/.fraisier/jobs.units
f_changed=0
if [ "$f_scope" = user ]; then f_folder=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user; else f_folder=/etc/systemd/system; fi

control() {
  f_said=$(sc "$@" 2>&1) || fail_with "systemctl $* failed" $? "$f_said"
}
put() { # NAME MODE TEXT: into the release
  [ "$f_check" = 1 ] || make_folder "$f_store"
  write_file "$f_store/$1" "$2" "$3"
  [ "$f_wrote" = 0 ] || f_changed=1
  case $1 in *.service | *.timer) link_unit "$1" "$3" ;; esac
}
link_unit() { # NAME TEXT: where systemd looks
  [ "$f_check" = 1 ] || make_folder "$f_folder"
  write_file "$f_folder/$1" 0644 "$2"
  [ "$f_wrote" = 0 ] || f_touched="$f_touched $1"
}
stored_files() { (cd "$f_store" 2>/dev/null && ls -- *.service *.timer 2>/dev/null); }
take_stored() {
  for f_unit in $(stored_files); do
    f_text=$(cat "$f_store/$f_unit"; printf x)
    link_unit "$f_unit" "${f_text%x}"
  done
}
# Nothing that systemd would not take is put where it looks.
check_calendars() {
  has systemd-analyze || return 0
  printf '%s\n' "$f_calendars" | while IFS= read -r f_line; do
    [ -z "$f_line" ] || f_said=$(systemd-analyze calendar -- "$f_line" 2>&1) || {
      emit bad_calendar "$f_line"
      emit_text stderr "$f_said"
    }
  done
}
# Timers first: one that elapses when its service is gone would end as failed.
remove_others() {
  f_had="$(grep '\.timer$' "$f_ours" 2>/dev/null) $(grep -v '\.timer$' "$f_ours" 2>/dev/null)"
  for f_unit in $f_had; do
    case " $f_wanted " in *" $f_unit "*) continue ;; esac
    emit removed "$f_unit"
    f_touched="$f_touched $f_unit"
    [ "$f_check" = 1 ] && continue
    sc disable --now -- "$f_unit" >/dev/null 2>&1 || sc stop -- "$f_unit" >/dev/null 2>&1
    rm -f "$f_folder/$f_unit" || fail "cannot remove $f_folder/$f_unit"
    sc reset-failed -- "$f_unit" >/dev/null 2>&1
  done
}
start_timers() {
  for f_unit in $f_wanted; do
    case $f_unit in *.timer) ;; *) continue ;; esac
    if sc is-enabled --quiet -- "$f_unit" 2>/dev/null && sc is-active --quiet -- "$f_unit"; then
      case " $f_touched " in *" $f_unit "*) control restart -- "$f_unit" ;; esac
      continue
    fi
    f_changed=1
    [ "$f_check" = 1 ] || control enable --now -- "$f_unit"
  done
}
# Proof: each timer of this release is the one that systemd has, and waits for its next moment.
look() {
  f_well=1
  for f_unit in $(stored_files); do
    cmp -s "$f_store/$f_unit" "$f_folder/$f_unit" || f_well=0
    case $f_unit in *.timer) ;; *) continue ;; esac
    f_shown=$(sc show -p ActiveState -p NextElapseUSecRealtime -- "$f_unit" 2>/dev/null)
    f_active=$(printf '%s\n' "$f_shown" | sed -n 's/^ActiveState=//p')
    emit timer "$f_unit ${f_active:-unknown} $(printf '%s\n' "$f_shown" | sed -n 's/^NextElapseUSecRealtime=//p')"
    [ "$f_active" = active ] || f_well=0
  done
  emit healthy "$f_well"
}
give_away() { # what root has written belongs to whom the application belongs
  [ "$(id -u)" = 0 ] && [ -d "$1" ] && chown -R "$(stat -c %u:%g "$f_app_path")" "$1"
}
make_work_folder() {
  [ -n "$f_work_folder" ] || return 0
  [ ! -L "$f_work_folder" ] || fail "$f_work_folder is a symbolic link: move it away first"
  umask 077
  make_folder "$f_work_folder"
  umask 022
  [ "$(id -u)" != 0 ] || chown -h "${f_work_owner:-$(stat -c %u:%g "$f_app_path")}" "$f_work_folder"
}

f_touched=
if [ "$f_state" = checked ]; then
  look
  finish
fi
f_bad=
[ "$f_state" != present ] || f_bad=$(check_calendars) # those that are given; going back needs none of them
if [ -n "$f_bad" ]; then
  printf '%s\n' "$f_bad"
  fail "systemd does not understand a calendar: $(printf '%s\n' "$f_bad" | sed -n 's/^[^ ]* bad_calendar //p' | head -n 1)"
fi
case $f_state in
  present) f_wanted=$(wanted_files | tr '\n' ' ') ;;
  restored) f_wanted=$(stored_files | tr '\n' ' ') ;;
  absent) f_wanted= ;;
esac
remove_others
case $f_state in
  present) put_files ;;
  restored) take_stored ;;
esac
[ -z "$f_touched" ] || f_changed=1
if [ "$f_check" = 0 ]; then
  make_folder "$f_app_path/.fraisier/runs"
  chmod 700 "$f_app_path/.fraisier/runs"
  give_away "$f_app_path/.fraisier/runs"
  make_work_folder
  [ "$f_state" = absent ] || give_away "$f_store"
  # shellcheck disable=SC2086  # one on a line
  write_file "$f_ours" 0644 "$(printf '%s\n' $f_wanted)"
  own_note "$f_ours"
  [ -z "$f_touched" ] || control daemon-reload
fi
start_timers
emit changed "$f_changed"
if [ "$f_check" = 0 ] && [ "$f_state" != absent ]; then look; fi
finish
