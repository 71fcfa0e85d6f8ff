# shellcheck shell=sh
# Everything that a deployment needs of a host, looked at and told one by one; changes nothing. Answers: lines "check" of name, state,
# what was found and what to do, with tabs between; and what the plugin judges. In: f_port, git_access.sh and what it
# needs, and what checks.sh needs.
f_tab=$(printf '\t')
found() { emit check "$1$f_tab$2$f_tab$(printf '%s' "$3" | tr '\n\t' '  ')$f_tab${4:-}"; }
problem() {
  f_complaints=1
  found "$f_subject" problem "$@"
}
# examine NAME FUNCTION: it is well when the function complains of nothing; $f_fine says what was seen.
examine() {
  f_subject=$1 f_complaints=0 f_fine=
  "$2"
  [ "$f_complaints" = 1 ] || found "$1" ok "$f_fine"
}
folder() {
  check_folder
  f_fine="$f_near can be written"
}
disk() {
  check_disk
  f_fine="$f_free MB free at $f_near"
}
tools() {
  check_tools
  f_fine=$(printf '%s' "$f_tools" | tr '\n' ' ')
}
manager() {
  check_manager
  f_fine=$f_manager_wanted
}
# Who listens on the port: lines "holder" of pid, name, and whether it belongs to our service; pid 0 where that may not be seen.
listeners() {
  [ "$f_port" != 0 ] || return 0
  f_hex=$(printf ':%04X' "$f_port")
  f_sockets=$(awk -v p="$f_hex" '$4 == "0A" && substr($2, length($2) - 4) == p { print $10 " " $8 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [ -n "$f_sockets" ] || return 0
  # shellcheck disable=SC2012  # a readlink per file would take seconds where there are many
  ls -l /proc/[0-9]*/fd 2>/dev/null >"$f_work/open"
  printf '%s\n' "$f_sockets" | while read -r f_inode f_uid; do
    f_holders=$(awk -v s="socket:[$f_inode]" '/^\/proc\// { split($1, part, "/") } $NF == s { print part[3] }' "$f_work/open" | sort -un)
    [ -n "$f_holders" ] || emit holder "0 uid-$f_uid other"
    for f_holder in $f_holders; do
      emit holder "$f_holder $(tr ' ' _ <"/proc/$f_holder/comm" 2>/dev/null) $(whose "$f_holder")"
    done
  done
}
whose() {
  if [ "$f_manager" = systemd ] && grep -q "/$f_unit\(/\|\$\)" "/proc/$1/cgroup" 2>/dev/null; then
    printf ours
    return
  fi
  f_above=$1
  while [ "${f_above:-0}" -gt 1 ]; do
    if [ "$f_above" = "$f_pid" ]; then
      printf ours
      return
    fi
    f_above=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$f_above/status" 2>/dev/null)
  done
  printf other
}

emit clock "$(date +%s.%N)"
f_work=$(mktemp -d "${TMPDIR:-/tmp}/fraisier.XXXXXX" 2>/dev/null) || f_work=
user_bus
current_release
emit user "$(id -un)"
emit current_release_id "$f_current"
emit current_version "$(version_of "$f_current")"
examine folder folder
examine disk disk
examine tools tools
examine manager manager
probe
emit_service
git_access
[ -z "$f_work" ] || listeners
finish
