#!/bin/sh
# The least that puts a commit into service, by hand: what Fraisier is compared with. Usage: release.sh APP REPOSITORY BRANCH KEEP
set -eu
app=$1 repository=$2 branch=$3 keep=$4
commit=$(git ls-remote --quiet -- "$repository" "refs/heads/$branch" | cut -f1)
if [ -L "$app/current" ] && [ "$(cat "$app/current/REVISION")" = "$commit" ]; then
  echo "unchanged $commit"
  exit 0
fi
mkdir -p "$app/releases"
[ -f "$app/repo/HEAD" ] || git init --quiet --bare "$app/repo"
git -C "$app/repo" -c gc.auto=0 fetch --quiet --no-tags -- "$repository" "+$commit:refs/deployed/$commit"
release=$(date -u +%Y%m%dT%H%M%S.%NZ)-$(printf %.12s "$commit")
mkdir "$app/releases/.$release"
git -C "$app/repo" archive "$commit" | tar -x -C "$app/releases/.$release"
echo "$commit" >"$app/releases/.$release/REVISION"
mv "$app/releases/.$release" "$app/releases/$release"
ln -s "releases/$release" "$app/current.new"
mv -T "$app/current.new" "$app/current"
(cd "$app/current" && true)
find "$app/releases" -mindepth 1 -maxdepth 1 | sort -r | tail -n "+$((keep + 1))" | while IFS= read -r old; do rm -rf "$old"; done
echo "released $commit"
