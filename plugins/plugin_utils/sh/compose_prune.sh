# shellcheck shell=sh
# Images go with the releases that used them. For prune.sh. In: what compose.sh needs.

# The releases that stay: f_going are those that do not.
stays() {
  case " ${f_going:-} " in *" $1 "*) return 1 ;; esac
  [ -d "$f_releases/$1" ]
}
is_still_used() {
  for f_folder in "$f_releases"/*; do
    if stays "${f_folder##*/}" && grep -q "^[^ ]* $1 " "$f_folder/.fraisier/images" 2>/dev/null; then return 0; fi
  done
  return 1
}
untag() {
  emit image_removed "$1"
  [ "$f_check" = 0 ] || return 0
  f_said=$(engine image rm "$1" 2>&1) || emit warning "image $1 stays: $(printf '%s\n' "$f_said" | grep . | tail -n 1)"
}
# By the tags of the release first; then by the name it came by, unless that leads to another image by now.
forget_images() { # FOLDER ID of a release that goes
  f_going="${f_going:-} $2"
  [ -f "$1/.fraisier/images" ] && find_compose || return 0
  while read -r f_service f_gone f_image _; do
    if [ "$(image_id "$(tag_of "$2" "$f_service")")" = "$f_gone" ]; then untag "$(tag_of "$2" "$f_service")"; fi
    if [ "$f_image" = - ] || is_still_used "$f_gone"; then continue; fi
    if [ "$(image_id "$f_image")" = "$f_gone" ]; then untag "$f_image"; fi
  done <"$1/.fraisier/images"
}
# Tags of releases that are no longer there, however they went.
forget_strays() {
  find_compose || return 0
  for f_tag in $(engine image ls --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -F "$f_tags:"); do
    f_id=${f_tag#"$f_tags":}
    f_id=${f_id%%.*}
    case " ${f_going:-} " in *" $f_id "*) continue ;; esac
    if is_release_id "$f_id" && [ ! -d "$f_releases/$f_id" ]; then
      f_changed=1
      untag "$f_tag"
    fi
  done
}
