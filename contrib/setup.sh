# Sourced by contrib/run and contrib/test, which set `root`, `me` and `log`: packages, phases, builds.
# Everything said goes to stderr, so stdout stays the program's own.

say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() { say "$*"; exit 1; }

# How far ninja has come, on a terminal, until it is killed.
show_steps() {
  [ -t 2 ] || return 0
  local steps
  while sleep 1; do
    steps=$(tail -c 4096 "$log" | grep -ao '^\[[0-9]*/[0-9]*\]' | tail -n 1) || continue
    printf '\r%s: %s ... %s ' "$me" "$1" "$steps" >&2
  done
}

# phase WHAT COMMAND…: one line with the seconds it took; when it fails, the end of the log, and the end.
phase() {
  local what=$1 began=$SECONDS watcher status=0
  shift
  printf '%s: %s ... ' "$me" "$what" >&2
  show_steps "$what" &
  watcher=$!
  "$@" >>"$log" 2>&1 </dev/null || status=$?
  kill $watcher 2>/dev/null || true
  wait $watcher 2>/dev/null || true
  if [ $status = 0 ]; then
    printf '%d s\n' $((SECONDS - began)) >&2
  else
    printf 'failed\n' >&2
    tail -n 40 "$log" >&2
    die "$what failed: the end of the log is above, all of it in $log"
  fi
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing_packages() {
  LC_ALL=C comm -23 \
    <(for list; do sed 's/#.*//' "$root/contrib/packages/$list.txt"; done | grep -o '[^ ]\+' | LC_ALL=C sort -u) \
    <(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | sed -n 's/^.i. *//p' | LC_ALL=C sort -u)
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"; }

# A test that installs a mail server must not leave one running: not now, and not after the next boot.
install_quietly() (
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d
    as_root chmod 755 /usr/sbin/policy-rc.d
  fi
  apt_get install --no-install-recommends "$@" || exit 1
  command -v systemctl >/dev/null || exit 0
  for package; do
    case $package in
      nsd | unbound | nginx | postfix | prometheus | postfix-mta-sts-resolver | postgresql | pgbouncer) as_root systemctl disable --quiet "$package" ;;
      chasquid) as_root systemctl disable --quiet chasquid.service chasquid-{smtp,submission,submission_tls}.socket ;;
    esac
  done
  exit 0
)

# install_packages LIST…: what contrib/packages/LIST.txt names and is not here. apt is left alone when nothing is missing.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "no Debian packages here: going on with what is installed (needed: contrib/packages/*.txt)"
    return
  fi
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} = 0 ] && return
  local command="apt-get install --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "packages are missing and this is neither root nor is there sudo: have root run: $command"
    sudo -v || die "packages are missing and sudo refused: have root run: $command"
  fi
  phase "fetching the package lists" apt_get update
  phase "installing ${#missing[@]} packages" install_quietly "${missing[@]}"
}

# build PRESET TARGET…: configures once; ninja configures again by itself when CMakeLists.txt changes.
build() {
  local preset=$1 folder
  shift
  case $preset in release) folder=$root/build ;; *) folder=$root/build-$preset ;; esac
  [ -e "$folder/build.ninja" ] || phase "configuring ($preset)" in_root cmake --preset "$preset"
  phase "building ($preset)" in_root cmake --build --preset "$preset" --target "$@"
}
in_root() { (cd "$root" && "$@"); }
