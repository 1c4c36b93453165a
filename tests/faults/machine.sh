#!/bin/sh
# machine.sh FOLDER CGROUPS PATH...: systemd as the first process of namespaces of its own.
#
# It begins in the caller's namespaces, joins the cgroups (folders, one a line), and runs itself again
# in new ones. There FOLDER is /run/machine; of the rest of the machine only PATH... and the system's
# own folders are seen, and nothing but the folders made here can be written to.
set -eu
folder=$1 cgroups=$2
if [ "${3-}" != inside ]; then
    shift 2
    for group in $cgroups; do echo $$ >"$group/cgroup.procs"; done
    # The end of the process that started this is the end of all of it.
    exec setpriv --pdeathsig KILL unshare --mount --pid --cgroup --uts --ipc --net --fork \
        --kill-child --mount-proc sh "$0" "$folder" "$cgroups" inside "$@"
fi
shift 3
mount --make-rprivate /
# Descriptors lead to the folders when others lie over their paths.
exec 3<"$folder"
number=4 covered=" /run /tmp /var /srv "
for path in "$@"; do
    eval "exec $number<\"\$path\""
    number=$((number + 1))
    top=/$(echo "$path" | cut -d/ -f2)
    case "$covered /usr /etc /lib /bin " in *" $top "*) ;; *) covered="$covered$top " ;; esac
done
for top in $covered; do mount -t tmpfs -o mode=755 tmpfs "$top"; done
mkdir -m 1777 /var/tmp && chmod 1777 /tmp
# Bound anew with their parents open to every user: the units name a user of their own.
number=4
for path in "$@"; do
    mkdir -p "$path"
    mount --no-canonicalize --bind "/proc/self/fd/$number" "$path"
    mount -o remount,bind,ro "$path"
    eval "exec $number<&-"
    number=$((number + 1))
done
mkdir -p /run/machine /srv/application
mount --no-canonicalize --bind /proc/self/fd/3 /run/machine
exec 3<&-
mount --bind /run/machine/application /srv/application
mount -t tmpfs -o mode=755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mkdir -m 1777 /dev/shm
ln -s /proc/self/fd /dev/fd
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
kind=v2
[ -e /sys/fs/cgroup/cgroup.controllers ] || kind=hybrid
mount -t sysfs -o ro sysfs /sys
if [ $kind = v2 ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/memory /sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
    mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
mount -o remount,bind,ro /
exec env -i PATH="$PATH" container=licorne NOTIFY_SOCKET=/run/machine/notify \
    SYSTEMD_UNIT_PATH=/run/machine/units \
    /lib/systemd/systemd --system --unit=default.target --log-target=null
