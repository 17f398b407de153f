# What each finding begins with: the output that its header states, a temporary folder, and ways to fill it.
cd "$(dirname "$0")"
stated=$(sed -n 's/^# seen: //p' "$(basename "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" 2> /dev/null || { sleep 2; rm -rf "$scratch"; }' EXIT
export stated scratch

# from_npm PACKAGE@VERSION...: into the temporary folder.
from_npm() {
  npm install --prefix "$scratch" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "$@" > /dev/null
  printf '%s\n' "$@"
}

# from_debian PACKAGE...: on this machine, as root, where they are missing; says which versions they are.
from_debian() {
  local states
  states=$(dpkg-query --show --showformat '${db:Status-Status}\n' "$@" 2>&1 || true)
  if grep --quiet --invert-match --line-regexp installed <<< "$states"; then
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
  fi > /dev/null
  dpkg-query --show "$@"
}

# from_debian_here PACKAGE: unpacked into the temporary folder, not installed; says which version it is.
from_debian_here() {
  (cd "$scratch" && { apt-get download "$1" || { apt-get update && apt-get download "$1"; }; }) > /dev/null 2>&1
  dpkg-deb --show "$scratch/$1"_*.deb
  dpkg-deb --extract "$scratch/$1"_*.deb "$scratch"
}

# compare SEEN: ends with 0 if it is what the header states, else with 1.
compare() {
  echo "seen: $1"
  [[ $1 == "$stated" ]] && exit 0
  echo "CHANGED: the finding states $stated" >&2
  exit 1
}
