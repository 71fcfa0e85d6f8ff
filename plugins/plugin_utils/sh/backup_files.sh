# shellcheck shell=sh
# Files and folders, as snapshots of a restic repository. A snapshot has its moment as a tag once its data has been read again. In: f_repository
# f_sftp (the command of an sftp repository) ; functions copy_files, which gives what is copied to a command, and each_path.
f_room=$f_app_path/.fraisier/copies
f_no_repository=0
TZ=UTC
export TZ
restic_does() {
  if [ -n "$f_sftp" ]; then set -- -o "sftp.command=$f_sftp" "$@"; fi
  inside restic --repo "$f_repository" --cache-dir "$f_app_path/.fraisier/restic" --quiet "$@"
}
restic_must() { # SENTENCE ARGUMENT...
  f_sentence=$1
  shift
  restic_does "$@" && return 0
  fail_run "$f_sentence" "$?"
}
source_exists() { :; }
source_ready() {
  each_path is_there || fail "$f_each is not there: nothing can be copied"
}
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
way_ready() {
  need restic restic
  restic_does cat config && return 0
  f_rc=$?
  if [ "$f_rc" = 10 ] || grep -q "Is there a repository" "$f_work/err"; then f_no_repository=1; else fail_run "the repository cannot be opened" "$f_rc"; fi
}
way_takes() { :; } # only writing tells
# A snapshot of ours that has no moment was not proven: what a killed run left.
list_copies() {
  : >"$f_work/ids"
  : >"$f_work/unproven"
  : >"$f_work/listed"
  [ "$f_no_repository" = 0 ] || return 0
  restic_must "the copies cannot be listed" snapshots --no-lock --json --tag fraisier
  sed 's/"short_id":"/\n/g' "$f_work/out" | sed -n 's/.*"tags":\[\([^]]*\)\].*"id":"\([0-9a-f]*\)",$/\2 \1/p' | tr '",' '  ' >"$f_work/found"
  while read -r f_id f_tags; do
    f_moment=
    f_how=good
    for f_tag in $f_tags; do
      if is_stamp "$f_tag"; then f_moment=$f_tag; fi
      [ "$f_tag" != bad ] || f_how=bad
    done
    if [ -n "$f_moment" ]; then
      echo "$f_moment $f_how" >>"$f_work/listed"
      echo "$f_moment $f_id" >>"$f_work/ids"
    else
      echo "$f_id" >>"$f_work/unproven"
    fi
  done <"$f_work/found"
}
id_of() { sed -n "s/^$1 //p" "$f_work/ids"; }
take_copy() { # STAMP
  if [ "$f_no_repository" = 1 ]; then
    restic_must "the repository cannot be made" init
    f_no_repository=0
  fi
  restic_must "an old lock cannot be removed" unlock
  while IFS= read -r f_id; do restic_must "what was not proven cannot be removed" forget "$f_id"; done <"$f_work/unproven"
  f_spaced=$(printf '%s' "$1" | sed 's/^\(....\)\(..\)\(..\)T\(..\)\(..\)\(..\)Z$/\1-\2-\3 \4:\5:\6/')
  copy_files restic_must "not everything could be copied" backup --json --tag fraisier --host fraisier --time "$f_spaced"
  f_id=$(sed -n 's/.*"message_type":"summary".*"snapshot_id":"\([0-9a-f]*\)".*/\1/p' "$f_work/out")
  [ -n "$f_id" ] || fail_with "restic did not say what it made" 1 "$(tail -n 3 "$f_work/out")"
  check_snapshot "$f_id"
  restic_must "the copy cannot be named" tag --set "fraisier,$1" "$f_id"
}
check_copy() { # STAMP
  f_checked=$1
  f_id=$(id_of "$1")
  check_snapshot "$f_id"
}
# All that the snapshot has is read from where it is kept, and each piece of it holds its checksum: restic gives none that does not.
check_snapshot() { # ID
  restic_does check || broken "the repository has faults" "$(tail -n 5 "$f_work/out" "$f_work/err")"
  restic_reads dump --archive tar "$1" / || broken "it cannot be read" "$(tail -n 5 "$f_work/err")"
  restic_does stats --json "$1" || broken "it cannot be read" "$(tail -n 5 "$f_work/err")"
  emit files "$(sed -n 's/.*"total_file_count":\([0-9]*\).*/\1/p' "$f_work/out")"
  emit bytes "$(sed -n 's/.*"total_size":\([0-9]*\).*/\1/p' "$f_work/out")"
}
restic_reads() { (
  backup_environment
  if [ -n "$f_sftp" ]; then set -- -o "sftp.command=$f_sftp" "$@"; fi
  limited restic --repo "$f_repository" --no-cache --quiet "$@"
) >/dev/null 2>"$f_work/err"; }
mark_bad() { restic_must "the copy cannot be put aside" tag --add bad "$(id_of "$1")"; }
remove_copy() { restic_must "the copy of $1 cannot be removed" forget "$(id_of "$1")"; }
tidy_copies() { restic_must "what no copy holds any more cannot be removed" prune; }
