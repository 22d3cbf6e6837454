#!/bin/bash
# package_life.sh FOLDER FIRST.deb SECOND.deb: a package's life in a root that is thrown away. Run by package_test.py as
# root, with mounts, network and processes of its own (unshare); prints "== section" lines and what belongs to them.
set -eu
. "$(dirname "$0")/throwaway_root.sh"
throwaway_root "$1"
cp "$2" "$root/tmp/first.deb"
cp "$3" "$root/tmp/second.deb"
ip link set lo up

chroot "$root" /bin/bash -s <<'INSIDE' 2>&1
set -eu
cd /
# Triggers of others (man-db, libc-bin) are theirs, and take longer than all of this.
here="--no-triggers --path-include=/usr/share/doc/* --path-include=/usr/share/man/*"  # which slim images leave out
set -f
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
config=/etc/stswatch/stswatch.toml
as_service() { setpriv --reuid=stswatch --regid=stswatch --clear-groups "$@"; }
service() {  # as the unit starts it: its own user, its own folder
  mkdir -p /var/lib/stswatch && chown stswatch:stswatch /var/lib/stswatch && chmod 750 /var/lib/stswatch
  setpriv --reuid=stswatch --regid=stswatch --clear-groups stswatch run --config $config 2>/run/log & pid=$!
  for try in $(seq 300); do
    if stswatch health --url http://127.0.0.1:9461/-/ready >/run/health 2>&1; then break; fi
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
  done
  cat /run/health
  kill -TERM $pid || true
  wait $pid && echo "ended with 0" || { echo "ended with $?"; cat /run/log; }
}

echo "== install"
dpkg $here -i /tmp/first.deb
dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' stswatch
dpkg -V stswatch
getent passwd stswatch
systemctl is-enabled stswatch
stswatch config check $config
man -l --warnings /usr/share/man/man1/stswatch.1.gz | head -n 3

echo "== fresh"
stswatch run --config $config || echo "exit $?"

echo "== run"
printf '[[domain]]\nname = "example.com"\n[dns]\nservers = ["127.0.0.1:5"]\n' >>$config
service
as_service stswatch silence add --config $config --domain example.com --for 30d --comment 'remember me'

echo "== upgrade"
dpkg $here -i /tmp/second.deb
dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' stswatch
systemctl is-enabled stswatch
tail -n 3 $config
as_service stswatch silence list --config $config
service

echo "== disabled"
systemctl --quiet disable stswatch
dpkg $here -i /tmp/second.deb >/dev/null
systemctl is-enabled stswatch || true

echo "== remove"
dpkg --no-triggers -r stswatch
ls -A /etc/stswatch /var/lib/stswatch

echo "== purge"
dpkg --no-triggers -P stswatch
ls -d /etc/stswatch /var/lib/stswatch /usr/share/doc/stswatch 2>&1 || true
find /etc /usr /var /lib -xdev -name '*stswatch*' -newer /tmp/first.deb
INSIDE
