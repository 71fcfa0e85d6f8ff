#!/bin/bash
# Boots a host: boot.sh FOLDER NAME BASE NETNS CGROUP SHARE. FOLDER has its disk/, work/ and root/. Started in a mount namespace of its
# own, so that all its mounts are gone with its last process. `boot.sh inside FOLDER NAME` are the first steps of its PID 1.
set -eu

inside() {
  local root=$1/root name=$2 node
  hostname "$name"
  mount --make-rprivate /
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
  for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for node in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${node%:*}" "$root/dev/${node#*:}"; done
  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
  # Each boot of each host has an id of its own; nothing else of the kernel can be set.
  mount --bind "$root/proc/sys" "$root/proc/sys"
  cat /proc/sys/kernel/random/uuid >"$root/run/boot_id"
  mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"
  mount -o remount,bind,ro "$root/proc/sys"
  cd "$root"
  mkdir -p .old
  pivot_root . .old
  umount -l /.old
  exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-mknod,-syslog,-mac_admin,-mac_override,-wake_alarm \
    env -i container=bed PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /lib/systemd/systemd
}

if [ "$1" = inside ]; then
  shift
  inside "$@"
fi

folder=$1 name=$2 base=$3 netns=$4 cgroup=$5 share=$6
mount -t overlay overlay -o "lowerdir=$base,upperdir=$folder/disk,workdir=$folder/work" "$folder/root"
mkdir -p "$folder/root$share" "$cgroup/keeper" "$cgroup/payload"
mount --bind "$share" "$folder/root$share"
mount -o remount,bind,ro "$folder/root$share"
echo $$ >"$cgroup/keeper/cgroup.procs"
while :; do
  code=0
  (
    # The cgroup namespace begins here: what systemd makes stays below.
    echo "$BASHPID" >"$cgroup/payload/cgroup.procs"
    exec nsenter --net="/run/netns/$netns" \
      unshare --mount --pid --fork --uts --ipc --cgroup --kill-child "$BASH" "$0" inside "$folder" "$name"
  ) || code=$?
  # A PID namespace that was rebooted ends with SIGHUP.
  [ "$code" = 129 ] || exit "$code"
done
