#!/bin/bash
# image.sh [CCACHE_FOLDER]: the image of contrib/container/Containerfile, built by buildah and run as its platforms run it: not as root,
# with a root file system that is read only. What it is built from is Debian as debootstrap makes it, so no registry is asked. As root;
# it takes as long as a release build, less with a compiler's cache to share. Not in the test command: tests/contrib/platforms_test.py
# reads the files there.
set -euo pipefail
cd "$(dirname "$0")/../.."
for program in buildah debootstrap; do
  command -v $program >/dev/null || { echo "image.sh: apt-get install buildah debootstrap crun" >&2; exit 1; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/stswatch-image.XXXXXX")
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
store=(--root "$work/store" --runroot "$work/run")
clean_up() {
  buildah "${store[@]}" umount --all >/dev/null 2>&1 || true
  umount -l "$work/seen/var/lib/stswatch" "$work/seen" "$work"/base/{proc,sys} 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

echo "== base"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 || true)
debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" ${mirror:+"$mirror"} >/dev/null
rm -f "$work/base/etc/apt/sources.list"
cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$work/base/etc/apt/"
[ ! -e /etc/apt/sources.list ] || cp /etc/apt/sources.list "$work/base/etc/apt/"
cp -r /usr/share/keyrings/. "$work/base/usr/share/keyrings/"
cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
base=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add -q "$base" "$work/base" / >/dev/null
buildah "${store[@]}" commit -q "$base" docker.io/library/debian:12-slim >/dev/null
buildah "${store[@]}" rm "$base" >/dev/null
rm -rf "$work/base"

echo "== build"
revision=$(git rev-parse --short=12 HEAD)
began=$SECONDS
buildah "${store[@]}" build --format docker --pull-never -f contrib/container/Containerfile --ignorefile contrib/container/Containerfile.dockerignore \
  ${1:+-v "$1:$HOME/.cache/ccache"} --build-arg "REVISION=$revision" -t stswatch . >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
echo "$((SECONDS - began)) s"

echo "== what it is"
seen() { buildah "${store[@]}" inspect --type image --format "$1" stswatch; }
is() { [ "$2" = "$3" ] && echo "$1: $2" || { echo "$1: $2, not $3" >&2; exit 1; }; }
is user "$(seen '{{.Docker.Config.User}}')" 9461:9461
is entry "$(seen '{{.Docker.Config.Entrypoint}}')" '[/usr/bin/stswatch]'
is health "$(seen '{{.Docker.Config.Healthcheck.Test}}')" '[CMD /usr/bin/stswatch health]'
is revision "$(seen '{{index .Docker.Config.Labels "org.opencontainers.image.revision"}}')" "$revision"

echo "== running"
container=$(buildah "${store[@]}" from --pull-never stswatch)
root=$(buildah "${store[@]}" mount "$container")
! ls "$root"/usr/bin/{g++,cmake,gcc} 2>/dev/null || { echo "a compiler is in it" >&2; exit 1; }
echo "$(du -smx "$root" | cut -f 1) MiB"
mkdir "$work/seen"
mount --bind "$root" "$work/seen"
mount -o remount,bind,ro "$work/seen"
mount -t tmpfs -o uid=9461,gid=9461,mode=0750 tmpfs "$work/seen/var/lib/stswatch"
cat >"$work/in.sh" <<'IN'
set -eu
ip link set lo up
within() { chroot --userspec=9461:9461 "$1" "${@:2}"; }
printf '[agent]\nlisten = "127.0.0.1:9461"\n[dns]\nservers = ["127.0.0.1:5"]\nsource = "off"\n[[domain]]\nname = "example.com"\n' >"$1/var/lib/stswatch/c.toml"
within "$1" /usr/bin/stswatch --version
# Not by the function: that would be a shell of its own, and no signal to it would come to the service.
chroot --userspec=9461:9461 "$1" /usr/bin/stswatch run --config /var/lib/stswatch/c.toml &
service=$!
trap 'kill $service 2>/dev/null || true' EXIT
healthy=1
for try in $(seq 100); do
  if within "$1" /usr/bin/stswatch health; then healthy=0; break; fi
  sleep 0.2
done
[ $healthy = 0 ] || { echo "never healthy" >&2; exit 1; }
grep -E '^(Name|Uid|CapEff):' /proc/$service/status
grep -qP '^Uid:\t9461\t9461\t9461\t9461$' /proc/$service/status
grep -qP '^CapEff:\t0+$' /proc/$service/status
kill -TERM $service
wait $service
echo "ended: $?"
IN
unshare --net bash "$work/in.sh" "$work/seen"
echo "1 passed, 0 failed"
