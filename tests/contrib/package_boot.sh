#!/bin/bash
# package_boot.sh FOLDER PACKAGE.deb: systemd itself, as process 1 of a root that is thrown away, starts the installed service with
# the confinement of its unit. Run by package_test.py as root, with namespaces of its own (unshare); what is seen goes into
# FOLDER/out/log, as "== section" lines and what belongs to them.
set -eu
. "$(dirname "$0")/throwaway_root.sh"
throwaway_root "$1"
mkdir -p "$1/out" "$root/tmp/out"
mount --bind "$1/out" "$root/tmp/out"
mount --rbind /sys "$root/sys"
cp "$2" "$root/tmp/first.deb"
ip link set lo up
chroot "$root" dpkg --no-triggers -i /tmp/first.deb >/dev/null 2>&1

cat >"$root/tmp/look.sh" <<'LOOK'
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
config=/etc/stswatch/stswatch.toml
dropin() { mkdir -p /run/systemd/system/$1.service.d; cat >/run/systemd/system/$1.service.d/$2.conf; systemctl daemon-reload; }
shown() { systemctl show stswatch -p ActiveState,SubState,StatusText,Result,NRestarts,ExecMainStatus; }
until_it() { for try in $(seq 100); do "$@" && return; sleep 0.1; done; echo "not within 10 s: $*"; }
runs() { [ "$(systemctl show stswatch -p SubState --value)" = running ]; }  # RELOADING=1 may come after systemctl has returned
restarted() { [ "$(systemctl show stswatch -p NRestarts --value)" != 0 ] && systemctl is-active --quiet stswatch; }

echo "== given"
# What this machine allows nobody in a namespace is left out for the service as well.
for wish in PrivateDevices PrivateUsers; do
  printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\n%s=yes\nExecStart=/bin/true\n' $wish >/run/systemd/system/$wish.service
  systemctl daemon-reload
  systemctl start $wish 2>/dev/null || { echo "not here: $wish"; printf "[Service]\n$wish=no\n" | dropin stswatch $wish; }
done

echo "== fresh"
systemctl start stswatch; echo "started: $?"
shown

echo "== running"
printf '[[domain]]\nname = "example.com"\n[dns]\nservers = ["127.0.0.1:5"]\nsource = "off"\n' >>$config
systemctl start stswatch; echo "started: $?"
shown
grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/$(systemctl show stswatch -p MainPID --value)/status
stat -c '%U %a %n' /var/lib/stswatch /var/lib/stswatch/stswatch.db
stswatch health

echo "== reload"
systemctl reload stswatch; echo "reloaded: $?"
until_it runs
shown

echo "== stuck"
printf '[Service]\nWatchdogSec=1s\nRestartSec=0\n' | dropin stswatch quick
systemctl restart stswatch
kill -STOP $(systemctl show stswatch -p MainPID --value)
until_it restarted
shown

echo "== broken"
echo 'nonsense' >>$config
systemctl restart stswatch 2>/dev/null; echo "started: $?"
sleep 1
shown
journalctl --no-pager -q -o cat -u stswatch | tail -n 12
LOOK

cat >"$root/etc/systemd/system/look.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Requires=systemd-journald.service
[Service]
Type=oneshot
TimeoutStartSec=100
StandardOutput=file:/tmp/out/log
StandardError=file:/tmp/out/log
ExecStart=-/bin/bash /tmp/look.sh
ExecStopPost=/bin/systemctl exit --force 0
UNIT
export container=stswatch-test
exec chroot "$root" /lib/systemd/systemd --system --unit=look.service --show-status=no </dev/null
