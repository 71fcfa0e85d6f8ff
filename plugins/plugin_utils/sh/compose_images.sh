# shellcheck shell=sh
# The images of a release: pulled or built, and held by tags that are the release's own. `.fraisier/images` in the release says which: lines of
# service, image id, the name it came by, and the digest that a registry knows it by (- for none); `.fraisier/compose.yaml` puts the tags
# in the place of the names. In: f_app_path f_release_id f_file f_pull f_build f_timeout_seconds and what compose.sh needs.
f_dir=$f_app_path/releases/$f_release_id
f_marks=$f_dir/.fraisier

# What the front end makes of the compose file, as lines of service, name of the image, whether it is built, pull policy, platform.
# Services behind a profile that the front end does not leave out by itself (podman-compose) are not ours to start.
resolve() {
  f_said=$(compose config 2>"$f_work/err") || fail_with "$f_file is refused" "$?" "$(cat "$f_work/err")"
  printf '%s\n' "$f_said" | awk -v podman="$([ "$f_engine" = docker ] || echo 1)" '
    function text(line) { sub(/^[^:]*:[ ]*/, "", line); gsub(/^["\047]|["\047]$/, "", line); return line == "" ? "-" : line }
    function told() { if (service != "" && !(profiled && podman)) print service, image, built, policy, platform }
    /^[^ #]/ { inside = ($0 ~ /^services:/); next }
    !inside { next }
    /^  [^ #-]/ {
      told()
      service = $1
      sub(/:$/, "", service)
      gsub(/["\047]/, "", service)
      image = policy = platform = "-"
      built = profiled = 0
    }
    /^    image:/ { image = text($0) }
    /^    build:/ { built = 1 }
    /^    pull_policy:/ { policy = text($0) }
    /^    platform:/ { platform = text($0) }
    /^    profiles:/ { profiled = 1 }
    END { told() }' >"$f_work/services"
  [ -s "$f_work/services" ] || fail "$f_file has no services"
}
# Builds are made under the release's own tag; what is not built comes by its name.
settle() {
  while read -r f_service f_image f_built f_policy f_platform; do
    if [ "$f_built" = 1 ] && [ "$f_build" = 1 ]; then
      printf '%s build - - -\n' "$f_service" >>"$f_work/wanted"
    elif [ "$f_image" = - ]; then
      if [ "$f_built" = 1 ]; then fail "service $f_service is built from a folder, and building is off: set build: true"; fi
      fail "service $f_service has neither image nor build"
    else
      printf '%s pull %s %s %s\n' "$f_service" "$f_image" "$f_policy" "$f_platform" >>"$f_work/wanted"
    fi
  done <"$f_work/services"
}
# The same services from the same places: what was pinned stays pinned, whatever a tag means today.
is_pinned() {
  [ -f "$f_marks/images" ] && [ -f "$f_marks/compose.yaml" ] || return 1
  f_before=$(cut -d ' ' -f 1,3 "$f_marks/images")
  f_after=$(awk '{ print $1, ($2 == "build" ? "-" : $3) }' "$f_work/wanted")
  [ "$f_before" = "$f_after" ]
}
show_images() { while read -r f_line; do emit image "$f_line"; done <"$f_marks/images"; }
write_overlay() {
  {
    echo 'services:'
    while read -r f_service _; do
      printf '  "%s":\n    image: "%s"\n' "$f_service" "$(tag_of "$f_release_id" "$f_service")"
    done <"$f_work/wanted"
  } >"$f_marks/compose.yaml" 2>/dev/null || fail "cannot write into $f_marks (disk full?)"
}
build_images() {
  f_services=$(awk '$2 == "build" { print $1 }' "$f_work/wanted")
  [ -n "$f_services" ] || return 0
  # shellcheck disable=SC2086  # one word for each service
  f_said=$(compose_pinned build $f_services 2>&1) || fail_with "the images could not be built" "$?" "$f_said"
}
pull_images() {
  awk '$2 == "pull" { print $3, $4, $5 }' "$f_work/wanted" | sort -u >"$f_work/names"
  while read -r f_image f_policy f_platform; do
    case $f_policy in
      never | build) continue ;;
      missing | if_not_present) f_missing_only=1 ;;
      always) f_missing_only=0 ;;
      *) f_missing_only=$((1 - f_pull)) ;;
    esac
    if [ "$f_missing_only" = 1 ] && image_id "$f_image" >/dev/null; then continue; fi
    set -- pull --quiet
    [ "$f_platform" = - ] || set -- "$@" --platform "$f_platform"
    f_said=$(engine "$@" "$f_image" 2>&1) || fail_with "image $f_image could not be pulled" "$?" "$f_said"
  done <"$f_work/names"
}
digest_of() {
  engine image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" 2>/dev/null | grep -v '^localhost/' | grep -m 1 @ || echo -
}
# The list is written last and by one rename: who finds it finds all of them.
pin_images() {
  while read -r f_service f_kind f_image _; do
    f_tag=$(tag_of "$f_release_id" "$f_service")
    f_source=$f_image f_digest=-
    [ "$f_kind" = pull ] || f_source=$f_tag
    f_id=$(image_id "$f_source") || fail "image $f_source of service $f_service is not on the host"
    if [ "$f_kind" = pull ]; then
      f_digest=$(digest_of "$f_image")
      f_said=$(engine tag "$f_id" "$f_tag" 2>&1) || fail_with "cannot tag the image of service $f_service" "$?" "$f_said"
    fi
    printf '%s %s %s %s\n' "$f_service" "$f_id" "$f_image" "$f_digest" >>"$f_work/images"
  done <"$f_work/wanted"
  mv "$f_work/images" "$f_marks/images" 2>/dev/null || fail "cannot write $f_marks/images (disk full?)"
}

emit_before() {
  current_release
  if [ "$f_diff" = 1 ] && [ -f "$f_app_path/releases/$f_current/.fraisier/images" ]; then
    emit_text images_before "$(cut -d ' ' -f 1-3 "$f_app_path/releases/$f_current/.fraisier/images")"
  fi
}

must_find_compose
if [ "$f_check" = 1 ] && [ ! -e "$f_dir" ]; then
  emit changed 1
  finish
fi
is_complete "$f_release_id" || fail "release $f_release_id is not complete on this host (no $f_dir/REVISION)"
[ -f "$f_dir/$f_file" ] || fail "$f_file is not in the release: compose_file says which file describes the services"
f_work=$(mktemp -d "${TMPDIR:-/tmp}/fraisier.XXXXXX") || fail "cannot write into ${TMPDIR:-/tmp}"
set_deadline "$f_timeout_seconds"
resolve
settle
emit_before
if is_pinned; then
  emit changed 0
  show_images
  finish
fi
emit changed 1
[ "$f_check" = 1 ] && finish
make_folder "$f_marks"
rm -f "$f_marks/images"
write_overlay
build_images
pull_images
pin_images
show_images
finish
