# shellcheck shell=sh
# Which of two instances a script is about; with f_instance empty there is only one. In: f_app_path, and for two f_release_id
# f_instance (release, other, blue, green) and functions use_blue, use_green. Sets f_color, f_place, f_live (the one that serves).
release_at() { [ ! -L "$f_app_path/$1" ] || basename "$(readlink "$f_app_path/$1")"; }
instance_release() { f_current=$(release_at "$f_place"); }

# The one whose link leads where `current` leads: there is no other note of it that could differ.
find_live() {
  f_live=
  f_serving=$(release_at current)
  for f_each in blue green; do
    if [ -n "$f_serving" ] && [ "$(release_at "$f_each")" = "$f_serving" ]; then f_live=$f_each; fi
  done
}
other_than() { if [ "$1" = blue ]; then printf green; else printf blue; fi; }
# A release that serves is where it is; every other one is, or goes, where nothing serves.
instance_of_release() {
  if [ -n "$f_live" ] && { [ -z "$f_release_id" ] || [ "$f_release_id" = "$f_serving" ]; }; then
    printf '%s' "$f_live"
  elif [ -n "$f_live" ]; then
    other_than "$f_live"
  elif [ -n "$f_release_id" ] && [ "$(release_at green)" = "$f_release_id" ]; then
    printf green
  else
    printf blue
  fi
}
choose_instance() {
  find_live
  case $f_instance in
    blue | green) f_color=$f_instance ;;
    other) f_color=$(other_than "$(instance_of_release)") ;;
    *) f_color=$(instance_of_release) ;;
  esac
  "use_$f_color"
  emit color "$f_color"
}

[ -z "${f_instance:-}" ] || choose_instance
