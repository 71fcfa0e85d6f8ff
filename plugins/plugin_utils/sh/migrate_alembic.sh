# shellcheck shell=sh
# Alembic, as it lies in the application's own environment. In: f_targets; function run_alembic (program, configuration, extra).
# Its history needs no database; what it prints on stdout besides revisions is not ours to trust, so only ids that the history
# knows count.
tool_look() {
  f_at="" f_pending=0
  [ -e "$f_work/history" ] || read_history
  inside run_alembic current
  f_rc=$?
  if [ "$f_rc" != 0 ]; then
    f_ahead=$(sed -n "s/.*Can't locate revision identified by '\([^']*\)'.*/\1/p" "$f_work/out" "$f_work/err" | tail -n 1)
    [ -n "$f_ahead" ] || fail_tool current
    emit "$1" "$f_ahead"
    emit ahead "$f_ahead"
    f_at=$f_ahead
    [ "$f_allow_ahead" = 1 ] || [ "$f_step" = look ] || [ "$1" = after ] || finish
    return 0
  fi
  known_revisions >"$f_work/current"
  f_at=$(paste -s -d , "$f_work/current")
  emit "$1" "$f_at"
  if heads | grep -Fvxq -f "$f_work/current"; then f_pending=1; fi
  [ "$1" = after ] || emit is_pending "$f_pending"
}
# Once: each start of Alembic takes the better part of a second.
read_history() {
  inside run_alembic history
  f_rc=$?
  [ "$f_rc" = 0 ] || fail_tool history
  grep ' -> ' "$f_work/out" >"$f_work/history"
  emit_stream history <"$f_work/history"
}
known_revisions() {
  sed -n 's/^\([^ ]*\)\( ([^)]*)\)*$/\1/p' "$f_work/out" | sort -u | while IFS= read -r f_revision; do
    revisions | sed 's/ .*//' | grep -Fx -e "$f_revision" || :
  done
}
# Each with its marks, such as (head), and without its message, which may hold anything.
revisions() { sed -n 's/^<base>/base/; s/^[^>]* -> \([^ ,]*\)\(\( ([^)]*)\)*\).*/\1\2/p' "$f_work/history"; }
# Heads proper: one that another revision depends on is implied by it, and is in no table.
heads() { revisions | sed -n 's/ .*(head).*//p' | sort -u; }
each_target() {
  while IFS= read -r f_goal; do
    inside run_alembic "$1" "$f_goal" || return
  done <<TARGETS
$f_targets
TARGETS
}
tool_up() { each_target upgrade; }
tool_down() { each_target downgrade; }
