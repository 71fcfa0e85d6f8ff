# shellcheck shell=sh
# Copies in a folder of another host, sent by rsync over ssh. That host's key must be known; what has arrived is read there before it has its name.
# In: f_store (the folder there) f_store_there (the same, quoted) f_ssh (words, none with a space) f_host f_rsync_host.
f_room=$f_app_path/.fraisier/copies
# there SENTENCE COMMANDS: what the other host does with the folder $s; its output is left in $f_work/out.
there() {
  # shellcheck disable=SC2086  # words on purpose
  printf 's=%s\n{\n%s\n} </dev/null\n' "$f_store_there" "$2" | limited $f_ssh "$f_host" sh -s >"$f_work/out" 2>"$f_work/err"
  f_rc=$?
  [ "$f_rc" = 0 ] || fail_run "$1 ($f_host)" "$f_rc"
}
send() { # SENTENCE FROM TO
  limited rsync -rt -s --chmod=Du=rwx,Dgo=,Fu=rw,Fgo= -e "$f_ssh" "$2" "$3" >"$f_work/out" 2>"$f_work/err" || fail_run "$1 ($f_host)" "$?"
}
store_ready() {
  need ssh openssh-client
  need rsync rsync
  # shellcheck disable=SC2016  # read there
  there "the other host cannot take copies" '[ ! -L "$s" ] || { echo "$s is a symbolic link: copies are not kept through it"; exit 1; }
for p in rsync sha256sum; do command -v $p >/dev/null 2>&1 || { echo "$p is not installed there"; exit 1; }; done'
}
store_takes() {
  # shellcheck disable=SC2016
  there "the other host cannot take copies" 'n=$s; while [ ! -d "$n" ]; do n=$(dirname "$n"); done
[ -w "$n" ] && [ -x "$n" ] || { echo "$(id -un) may not write into $n there"; exit 1; }'
}
store_list() {
  # shellcheck disable=SC2016
  there "the copies cannot be listed" 'cd "$s" 2>/dev/null || exit 0
for f in *; do [ ! -d "$f" ] || [ -L "$f" ] || printf "%s\n" "$f"; done'
  while IFS= read -r f_name; do
    is_stamp "${f_name%.bad}" || continue
    case $f_name in *.bad) echo "${f_name%.bad} bad" ;; *) echo "$f_name good" ;; esac
  done <"$f_work/out" >"$f_work/listed"
}
store_put() { # FOLDER STAMP
  f_incoming=.fraisier-incoming.$2
  there "cannot make a folder for the copy" "umask 077; rm -rf \"\$s\"/.fraisier-incoming.*; mkdir -p \"\$s/$f_incoming\""
  send "the copy could not be sent" "$1/" "$f_rsync_host:$f_store/$f_incoming/"
  there "the copy has not arrived whole" "cd \"\$s/$f_incoming\" || exit 1
[ \"\$(sha256sum <SHA256SUMS)\" = \"$(sha256sum <"$1/SHA256SUMS")\" ] || { echo 'the list of checksums is another one'; exit 1; }
sha256sum -c SHA256SUMS 2>&1 >/dev/null || exit 1
sync -f . 2>/dev/null || sync
cd \"\$s\" && mv $f_incoming $2 && { sync -f . 2>/dev/null || sync; }"
}
store_get() {
  f_copy=$f_work/got
  make_folder "$f_copy"
  send "the copy could not be fetched" "$f_rsync_host:$f_store/$1/" "$f_copy/"
}
store_bad() { there "the copy cannot be put aside" "mv \"\$s/$1\" \"\$s/$1.bad\""; }
store_remove() {
  there "the copy of $1 cannot be removed" "cd \"\$s\" || exit 1
n=$1; [ -d \"\$n\" ] || n=$1.bad
mv \"\$n\" .fraisier-incoming.removed && rm -rf .fraisier-incoming.removed"
}
