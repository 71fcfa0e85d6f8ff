# shellcheck shell=sh
# Copies in a bucket, by rclone, which is told everything by its environment. A bucket has no rename: a copy counts by its SHA256SUMS, which comes
# last, when all else has been read back. In: f_store (bucket and path) f_bucket.
f_room=$f_app_path/.fraisier/copies
f_place=fraisier:$f_store
list_there() { inside rclone lsf --recursive --files-only "$f_place"; }
store_ready() {
  need rclone rclone
  list_there && return 0
  f_said=$(cat "$f_work/err")
  # A folder without objects is none: then the bucket tells whether it is there.
  inside rclone lsf --max-depth 1 "fraisier:$f_bucket" || fail_with "the bucket $f_bucket cannot be listed" 1 "$f_said"
}
store_takes() { :; } # only writing tells
store_list() {
  list_there || : >"$f_work/out"
  awk -F / '
    { seen[$1] = 1 }
    NF == 2 && $2 == "SHA256SUMS" { whole[$1] = 1 }
    NF == 2 && $2 == "BAD" { bad[$1] = 1 }
    END { for (s in seen) print s, (s in whole) && !(s in bad) ? "good" : "bad" }' "$f_work/out" |
    while read -r f_name f_state_there; do
      if is_stamp "$f_name"; then echo "$f_name $f_state_there"; fi
    done >"$f_work/listed"
}
store_put() { # FOLDER STAMP
  must "the copy could not be sent" rclone copy --exclude /SHA256SUMS "$1" "$f_place/$2"
  must "the copy has not arrived whole" rclone check --download --one-way --exclude /SHA256SUMS "$1" "$f_place/$2"
  must "the copy could not be sent" rclone copyto "$1/SHA256SUMS" "$f_place/$2/SHA256SUMS"
  must "the copy has not arrived whole" rclone check --download --one-way --include /SHA256SUMS "$1" "$f_place/$2"
}
store_get() {
  f_copy=$f_work/got
  make_folder "$f_copy"
  must "the copy could not be fetched" rclone copy "$f_place/$1" "$f_copy"
}
store_bad() {
  echo bad >"$f_work/mark"
  must "the copy cannot be put aside" rclone copyto "$f_work/mark" "$f_place/$1/BAD"
}
store_remove() {
  inside rclone deletefile "$f_place/$1/SHA256SUMS"
  must "the copy of $1 cannot be removed" rclone purge "$f_place/$1"
}
