# shellcheck shell=sh
# A compose project: its front end and engine, its containers, and what they prove. In: f_app_path f_project f_given f_engine f_one_shot
# f_tags f_compose_seconds; functions compose_environment, given_front_end.

# Sets f_front and f_engine.
find_compose() {
  set_deadline "$f_compose_seconds"
  if [ "$f_given" = 1 ]; then
    f_front=given
  elif limited docker compose version >/dev/null 2>&1; then
    f_front=docker f_engine=docker
  elif has podman-compose; then
    f_front=podman_compose f_engine=podman
  elif limited podman compose version >/dev/null 2>&1; then
    f_front=podman f_engine=podman
  else
    return 1
  fi
}
must_find_compose() {
  find_compose || fail "neither docker compose nor podman-compose is on the host"
}
front_end() {
  case $f_front in
    given) given_front_end "$@" ;;
    docker) limited docker compose "$@" ;;
    podman) limited podman compose "$@" ;;
    podman_compose) limited podman-compose "$@" ;;
  esac
}
# In the release itself, not through `current`: relative paths of a container must not move with the link. What stays running must not
# hold our locks.
compose() (
  cd "$f_dir" || exit 1
  compose_environment
  front_end -p "$f_project" -f "$f_file" "$@"
) </dev/null 8>&- 9>&-
compose_pinned() { compose -f "$f_dir/.fraisier/compose.yaml" "$@"; }
engine() { limited "$f_engine" "$@" </dev/null 8>&- 9>&-; }

image_id() {
  f_found=$(engine image inspect --format '{{.Id}}' "$1" 2>/dev/null) || return 1
  printf '%s' "${f_found#sha256:}"
}
# The tag by which a release holds the image of a service: tag_of RELEASE SERVICE.
tag_of() { printf '%s:%s.%s' "$f_tags" "$1" "$2"; }

# Lines of service, status, health, exit code, image, id, restarts and whether it was started by hand; sets f_seen.
look_at_containers() {
  f_seen=
  f_ids=$(engine ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$f_project" 2>/dev/null) || return 1
  [ -n "$f_ids" ] || return 0
  # shellcheck disable=SC2086  # one word for each container
  f_seen=$(engine container inspect --format "$f_container_format" $f_ids 2>/dev/null)
}
f_container_format='{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{or .State.Health.Status "none"}}{{else}}none{{end}} {{.State.ExitCode}} {{.Image}} {{.Id}} {{.RestartCount}} {{or (index .Config.Labels "com.docker.compose.oneoff") "False"}}'
# podman leaves its health checks to timers of systemd, which need not be there: whoever asks has them made.
make_health_checks() {
  [ "$f_engine" = podman ] || return 0
  f_unsure=$(printf '%s\n' "$f_seen" | awk '$2 == "running" && $3 != "none" && $3 != "healthy" { print $6 }')
  [ -n "$f_unsure" ] || return 0
  for f_id in $f_unsure; do engine healthcheck run "$f_id" >/dev/null 2>&1; done
  look_at_containers
}
# What the containers are, held against the images of the release: sets f_state, f_detail, and f_wrong (ids of what is not as it should).
judge_containers() {
  f_verdict=$({
    sed 's/^/want /' "$f_dir/.fraisier/images" 2>/dev/null
    printf '%s\n' "$f_seen" | sed 's/^/have /'
  } | awk -v one_shot="$f_one_shot" '
    function note(how, why) {
      if (rank[how] > rank[state]) state = how
      if (why != "") detail = detail (detail == "" ? "" : "; ") why
    }
    BEGIN {
      state = "running"
      rank["running"] = 0; rank["starting"] = 1; rank["stopped"] = 2; rank["failed"] = 3
      ended["exited"] = ended["stopped"] = 1 # podman says stopped until it has cleaned up
    }
    $1 == "want" { image[$2] = $3; order[++services] = $2; next }
    $1 != "have" || NF < 9 || $9 == "True" || !($2 in image) { next }
    {
      sub(/^sha256:/, "", $6)
      count[$2]++
      how = "running"
      why = ""
      if ($3 == "running" && $6 != image[$2]) { how = "failed"; why = "runs another image than its release has" }
      else if ($3 == "running" && $4 == "unhealthy") { how = "failed"; why = "is unhealthy" }
      else if ($3 == "running" && $4 != "healthy" && $4 != "none") { how = "starting"; why = "is not healthy yet" }
      else if ($3 == "running" || (ended[$3] && $5 == 0 && index(one_shot, " " $2 " "))) why = ""
      else if (ended[$3] || $3 == "dead") {
        how = "stopped"
        why = "has ended with exit code " $5 ($5 == 0 ? " (if it should, name it in one_shot)" : "")
      }
      else { how = "starting"; why = "is " $3 }
      if (how != "running") { wrong = wrong " " $7; note(how, $2 " " why) }
    }
    END {
      for (i = 1; i <= services; i++) if (!count[order[i]]) note("stopped", order[i] " has no container")
      if (!services) { state = "stopped"; detail = "its release has no images yet" }
      print state; print detail; print wrong
    }')
  f_state=$(printf '%s\n' "$f_verdict" | sed -n 1p)
  f_detail=$(printf '%s\n' "$f_verdict" | sed -n 2p)
  f_wrong=$(printf '%s\n' "$f_verdict" | sed -n 3p)
}
# For process.sh. The release is the one that `current` leads to. A look has its own time: the caller's stays the caller's.
probe_docker_compose() {
  f_callers_deadline=${f_deadline:-0}
  current_release
  f_dir=$f_app_path/releases/$f_current
  f_state=unknown f_detail="its engine does not answer"
  if { [ -n "${f_front:-}" ] || find_compose; } && set_deadline "$f_compose_seconds" && look_at_containers; then
    make_health_checks
    judge_containers
  fi
  f_deadline=$f_callers_deadline
}
# The last lines of what is wrong, or of all containers when nothing is: log_of_containers LINES.
log_of_containers() {
  set_deadline "$f_compose_seconds"
  printf '%s\n' "${f_seen:-}" | while read -r f_service _ _ _ _ f_id _; do
    [ -n "$f_id" ] || continue
    case "${f_wrong:-} " in
      " ") ;;
      *" $f_id "*) ;;
      *) continue ;;
    esac
    engine logs --tail "$1" "$f_id" 2>&1 | tail -c 3000 | sed "s/^/$f_service | /"
  done | emit_stream log
}
