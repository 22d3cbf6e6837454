# Sourced, as root, with mounts of its own (unshare): `throwaway_root FOLDER` makes $root, this machine's own root as it is, with
# all that is written kept in RAM, which is gone with the last process.
throwaway_root() {
  # What is mounted from here on stays here. In a chroot / is not where its file system is mounted: that is found outside of it.
  mount --make-rprivate / 2>/dev/null || python3 - "$1" <<'OUTSIDE'
import ctypes, os, sys
here = os.open("/", os.O_RDONLY)
os.chroot(sys.argv[1])
os.fchdir(here)
for _ in range(100):
    os.chdir("..")
os.chroot(".")
MS_REC, MS_PRIVATE = 0x4000, 0x40000
sys.exit(ctypes.CDLL(None).mount(None, b"/", None, MS_REC | MS_PRIVATE, None) and "mount: not made private: permission denied")
OUTSIDE
  root=$1/root
  mkdir -p "$1/ram" "$root"
  mount -t tmpfs tmpfs "$1/ram"
  mkdir "$1/ram/upper" "$1/ram/work"
  mount -t overlay -o "lowerdir=/,upperdir=$1/ram/upper,workdir=$1/ram/work" overlay "$root"
  local part device
  for part in run tmp dev; do mount -t tmpfs tmpfs "$root/$part"; done
  mount -t proc proc "$root/proc"
  mkdir "$root/dev/pts" "$root/dev/shm"
  ln -s /proc/self/fd "$root/dev/fd"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
}
