#!/bin/sh
# A command as it would run in a container: process 1 of namespaces of its own, as a user that the
# system does not know, without capabilities, on a file system that is read-only but for /tmp.
#   unshare --mount --pid --fork --mount-proc --kill-child container.sh HOME FOLDER TMP COMMAND...
# HOME is where the interpreter lies, FOLDER becomes /srv/app, TMP is `tmp` or `none`.
set -eu
home=$1 folder=$2 tmp=$3
shift 3
mount --make-rprivate /
stage=$(mktemp -d)
mount -t tmpfs -o mode=755 stage "$stage"
mkdir "$stage/home" "$stage/app"
mount --bind "$home" "$stage/home"
mount --bind "$folder" "$stage/app"
case $home in
/root/*) # which only root may enter
    mount -t tmpfs -o mode=755 root /root
    mkdir -p "$home"
    mount --move "$stage/home" "$home"
    ;;
esac
mount -t tmpfs -o mode=755 srv /srv
mkdir /srv/app
mount --move "$stage/app" /srv/app
# Everything that is mounted, but what the kernel itself shows.
while read -r _ place kind _; do
    case $place in
    /proc* | /sys* | /dev | /dev/pts) ;;
    *) [ "$kind" = proc ] || mount -o remount,bind,ro "$place" ;;
    esac
done </proc/self/mounts
[ "$tmp" = none ] || mount -t tmpfs -o mode=1777 tmp /tmp
cd /srv/app
exec setpriv --reuid 12345 --regid 0 --clear-groups --no-new-privs --bounding-set=-all \
    --inh-caps=-all "$@"
