# shellcheck shell=sh
# Makes a bare server ready for deployments. In: f_user f_keys f_accounts f_app_path f_owner f_sudo_rule f_sudo_user
# f_linger f_tools f_packages f_install. Runs as root. What lies in the home of a user is done as that user: root must not follow a link that somebody put there.
f_changed=0
did() {
  f_changed=1
  emit did "$1"
}
quietly() { f_said=$("$@" 2>&1) || fail_with "$1 failed" $? "$f_said"; }
is_real() { [ "$f_check" = 0 ]; }
exists() { id -u "$1" >/dev/null 2>&1; }

install_tools() {
  f_missing=
  for f_tool in $f_tools; do has "$f_tool" || f_missing="$f_missing $f_tool"; done
  [ -n "$f_missing" ] || return 0
  if [ "$f_install" = 0 ] || ! has apt-get; then
    for f_tool in $f_missing; do emit missing "$f_tool"; done
    return 0
  fi
  did "install$f_missing"
  is_real || return 0
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  quietly apt-get update -qq
  # shellcheck disable=SC2086  # a list of words
  quietly apt-get install -y -qq --no-install-recommends $f_packages
}
make_users() {
  for f_account in $f_accounts; do
    exists "$f_account" && continue
    did "create system account $f_account"
    is_real || continue
    quietly useradd --system --create-home --home-dir "/var/lib/$f_account" --shell /usr/sbin/nologin "$f_account"
  done
  exists "$f_user" && return 0
  did "create user $f_user"
  is_real || return 0
  f_shell=/bin/sh
  [ ! -x /bin/bash ] || f_shell=/bin/bash
  # A star is no password that anybody could give, and not the mark of a locked account, which sshd refuses where it does without PAM.
  quietly useradd --create-home --shell "$f_shell" --password '*' "$f_user"
}
authorize() {
  f_home=$(getent passwd "$f_user" | cut -d : -f 6) # nobody's, in a trial before there is such a user
  f_file=$f_home/.ssh/authorized_keys
  f_new=$(printf '%s\n' "$f_keys" | while IFS= read -r f_key; do
    [ -z "$f_key" ] || grep -qxF -- "$f_key" "$f_file" 2>/dev/null || printf '%s\n' "$f_key"
  done)
  [ -n "$f_new" ] || return 0
  did "authorize $(printf '%s\n' "$f_new" | grep -c .) key for $f_user"
  is_real || return 0
  # shellcheck disable=SC2088  # expanded by the user's shell
  f_said=$(printf '%s\n' "$f_new" | su -s /bin/sh "$f_user" -c 'umask 077 && mkdir -p ~/.ssh && cat >>~/.ssh/authorized_keys' 2>&1) ||
    fail_with "cannot write $f_file" 1 "$f_said"
}
make_app_folder() {
  exists "$f_owner" || { did "create $f_app_path, which belongs to $f_owner"; return 0; }
  [ ! -L "$f_app_path" ] || fail "$f_app_path is a symbolic link: give the folder that it leads to"
  if [ ! -d "$f_app_path" ]; then
    did "create $f_app_path, which belongs to $f_owner"
    is_real || return 0
    make_folder "$f_app_path"
  elif [ "$(stat -c %U "$f_app_path")" = "$f_owner" ]; then
    return 0
  else
    did "give $f_app_path to $f_owner"
    is_real || return 0
  fi
  quietly chown -h "$f_owner:$(id -gn "$f_owner")" "$f_app_path"
}
# A rule is looked at by visudo before sudo can see it, and tried afterwards: a broken one would take sudo away from everybody.
allow_sudo() {
  f_rule_file=/etc/sudoers.d/fraisier-$(printf '%s' "$f_user" | tr . _)
  emit rule_file "$f_rule_file"
  if [ -z "$f_sudo_rule" ]; then
    [ -e "$f_rule_file" ] || return 0
    did "take away the sudo rule of $f_user"
    if is_real; then rm -f "$f_rule_file"; fi
    return 0
  fi
  emit_text rule_before "$(cat "$f_rule_file" 2>/dev/null)"
  if [ -f "$f_rule_file" ] && [ "$(cat "$f_rule_file")" = "$f_sudo_rule" ]; then return 0; fi
  did "let $f_user use sudo"
  if ! has visudo; then
    is_real || return 0
    fail "sudo is not installed (--install)"
  fi
  f_work=$(mktemp -d)
  printf '%s\n' "$f_sudo_rule" >"$f_work/rule"
  f_said=$(visudo -cf "$f_work/rule" 2>&1) || fail_with "visudo refuses the rule, which was not installed" 1 "$f_said"
  is_real || return 0
  # A name with a dot is one that sudo leaves out until it is moved to its place.
  quietly install -m 0440 -o root -g root "$f_work/rule" "$f_rule_file.new"
  quietly mv -f "$f_rule_file.new" "$f_rule_file"
  f_said=$(su -s /bin/sh "$f_user" -c "sudo -n -u $f_sudo_user /bin/sh -c true" 2>&1) || {
    rm -f "$f_rule_file"
    fail_with "sudo does not follow the rule, which was taken away again (does /etc/sudoers read /etc/sudoers.d?)" 1 "$f_said"
  }
}
let_linger() {
  [ "$f_linger" = 1 ] || return 0
  [ ! -e "/var/lib/systemd/linger/$f_user" ] || return 0
  did "let services of $f_user run while it is not logged in"
  is_real || return 0
  has loginctl || fail "loginctl is not on the host: is systemd there?"
  quietly loginctl enable-linger "$f_user"
}

[ "$(id -u)" = 0 ] || fail "this needs root, and is $(id -un): connect as root (--user root), or as somebody who may use sudo"
has useradd || fail "useradd is not on the host"
install_tools
make_users
authorize
make_app_folder
allow_sudo
let_linger
emit changed "$f_changed"
finish
