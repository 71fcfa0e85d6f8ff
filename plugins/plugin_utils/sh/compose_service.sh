# shellcheck shell=sh
# The containers of the current release. In: f_app_path f_file f_state_wanted f_fingerprint f_start_timeout_seconds f_stop_timeout_seconds
# f_settle_polls f_log_lines and what compose.sh and process.sh need.
f_name="compose project $f_project"
f_record=$f_app_path/.fraisier/service-docker_compose
f_changed=0

finish_with() {
  emit changed "$f_changed"
  emit_service
  show_containers containers_after
  finish
}
# Lines of service, image and status, for a diff.
show_containers() {
  [ "$f_diff" = 0 ] || [ -z "${f_seen:-}" ] || emit_text "$1" "$(printf '%s\n' "$f_seen" | awk '{ print $1, substr($5, 1, 19), $2 }' | sort)"
}
is_started_for_this_release() {
  [ "$f_state" = running ] && [ "$(cat "$f_record" 2>/dev/null)" = "$f_current $f_fingerprint" ]
}

# A tag of ours that somebody took away, or led elsewhere, is put back; an image that is gone comes back by its digest.
have_images() {
  while read -r f_service f_wanted _ f_digest; do
    f_tag=$(tag_of "$f_current" "$f_service")
    [ "$(image_id "$f_tag")" != "$f_wanted" ] || continue
    if ! image_id "$f_wanted" >/dev/null; then
      [ "$f_digest" != - ] || fail "the image of service $f_service ($f_wanted) is no longer on the host, and no registry has it: deploy again"
      f_said=$(engine pull --quiet "$f_digest" 2>&1) || fail_with "image $f_digest could not be pulled" "$?" "$f_said"
    fi
    f_said=$(engine tag "$f_wanted" "$f_tag" 2>&1) || fail_with "cannot tag the image of service $f_service" "$?" "$f_said"
  done <"$f_dir/.fraisier/images"
}
start_project() {
  rm -f "$f_record"
  f_said=$(compose_pinned up --detach --no-build --remove-orphans -t "$f_stop_timeout_seconds" 2>&1) && return 0
  f_rc=$?
  probe
  emit rc "$f_rc"
  emit_text stderr "$(printf '%s' "$f_said" | tail -c 4000)"
  fail_with_log "$f_name did not come up: $(printf '%s\n' "$f_said" | grep . | tail -n 3)${f_detail:+ ($f_detail)}"
}
# Until the same containers have been up, and healthy where they can tell, for a moment: one that starts again and again is not up.
wait_until_up() {
  f_same=0 f_last=
  while :; do
    probe
    case $f_state in
      running)
        if [ "$f_seen" = "$f_last" ]; then f_same=$((f_same + 1)); else f_same=0 f_last=$f_seen; fi
        [ "$f_same" -lt "$f_settle_polls" ] || return 0
        ;;
      failed | stopped) fail_with_log "$f_name did not stay up after its start: $f_detail" ;;
    esac
    [ "$(date +%s)" -lt "$f_deadline" ] || fail_with_log "$f_name was not up within $f_start_timeout_seconds s: ${f_detail:-its containers start again and again}"
    pause 0.3
  done
}
# Volumes stay: they are data.
stop_project() {
  f_dir=$f_app_path/releases/none
  look_at_containers || fail "$f_engine does not answer"
  f_state=stopped
  if [ -z "$f_ids" ] && [ ! -e "$f_record" ]; then finish_with; fi
  f_changed=1
  [ "$f_check" = 1 ] && finish_with
  set_deadline $((f_stop_timeout_seconds + 60))
  if [ -n "$f_ids" ]; then
    # shellcheck disable=SC2086  # one word for each container
    f_said=$({ engine stop -t "$f_stop_timeout_seconds" $f_ids && engine rm --force $f_ids; } 2>&1) ||
      fail_with "$f_name cannot be stopped" "$?" "$f_said"
  fi
  [ "$f_engine" != podman ] || engine pod rm --force "pod_$f_project" >/dev/null 2>&1
  for f_network in $(engine network ls --quiet --filter "label=com.docker.compose.project=$f_project" 2>/dev/null); do
    engine network rm "$f_network" >/dev/null 2>&1
  done
  rm -f "$f_record"
  f_seen=
  finish_with
}

must_find_compose
[ "$f_state_wanted" != stopped ] || stop_project
probe
[ -n "$f_current" ] || [ "$f_check" = 1 ] || fail "no release is current: there is nothing to start"
if is_started_for_this_release; then finish_with; fi
show_containers containers_before
f_changed=1
[ "$f_check" = 1 ] && finish_with
[ -f "$f_dir/.fraisier/images" ] || fail "release $f_current has no images yet: the role's state built gets them"
set_deadline $((f_start_timeout_seconds + f_stop_timeout_seconds))
have_images
start_project
set_deadline "$f_start_timeout_seconds"
wait_until_up
make_folder "$f_app_path/.fraisier"
write_file "$f_record" 0600 "$f_current $f_fingerprint"
finish_with
