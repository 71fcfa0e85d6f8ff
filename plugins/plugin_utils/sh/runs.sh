# shellcheck shell=sh
# What jobs have left of their runs: <job>@<end>@<invocation>.run, the oldest first. In: f_app_path f_since f_keep_days.
cd "$f_app_path/.fraisier/runs" 2>/dev/null || finish
[ "$f_check" = 1 ] || find . -maxdepth 1 -name '*.run' -mtime "+$f_keep_days" -exec rm -f {} + 2>/dev/null
for f_file in $(find . -maxdepth 1 -name '*@*@*.run' 2>/dev/null | sort -t @ -k 2n); do
  f_end=${f_file#*@}
  [ "${f_end%%@*}" -gt "$f_since" ] 2>/dev/null || continue
  emit run "file $f_file"
  head -c 16000 "$f_file" | emit_stream run
  emit run "version $(version_of "$(sed -n 's/^release //p' "$f_file" | head -n 1)")"
done
finish
