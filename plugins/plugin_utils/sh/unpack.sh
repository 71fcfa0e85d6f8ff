# shellcheck shell=sh
# What the controller has sent, whole: unpack FOLDER. In: f_sent (a file) f_size (its bytes).
unpack() {
  [ "$(wc -c <"$f_sent" 2>/dev/null)" -eq "$f_size" ] 2>/dev/null || fail "the archive did not arrive whole"
  make_folder "$1"
  f_said=$(tar -x -z -o -f "$f_sent" -C "$1" 2>&1) || fail_with "cannot unpack the archive" 1 "$f_said"
}
