# shellcheck shell=sh
# A copy that nobody waits for: what becomes of it is told in words, to whoever keeps the log, and by the exit code.
f_told=
f_told_copy=
f_told_good=0
emit() {
  case $1 in
    copy) f_told_copy=$2 ;;
    verified) f_told_good=$2 ;;
    tables | files | bytes | sha256) f_told="$f_told, $1 $2" ;;
    removed | bad | warning) printf '%s %s\n' "$1" "$2" ;;
  esac
}
emit_text() { :; }
emit_stream() { while read -r f_told_line; do printf 'kept %s\n' "$f_told_line"; done; }
finish() {
  [ "$f_told_good" = 1 ] || fail "the copy was not verified"
  printf 'copy %s verified%s\n' "$f_told_copy" "$f_told"
  exit 0
}
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}
