# A systemd of an ordinary user's own, in mounts and cgroups of its own, though PID 1 here is none.
# Run by root within `unshare --mount`; reads shell commands from stdin as that user until it is closed.
#   $1  the user's home, empty and the user's    $2  the user's number
set -eu
home=$1
uid=$2
mount -t tmpfs tmpfs /run/systemd
mkdir /run/systemd/system # all that sd_booted(3) looks for
mount -t tmpfs -o mode=755 tmpfs /run/user
mkdir -m 700 "/run/user/$uid"
chown "$uid:$uid" "/run/user/$uid"

group=claw-test-$$
for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  [ -e "$tree/cgroup.procs" ] || continue
  mkdir "$tree/$group" 2>/dev/null || continue
  chown -R "$uid:$uid" "$tree/$group"
done
as_user() {
  setpriv --reuid="$uid" --regid="$uid" --clear-groups env -i HOME="$home" USER=tester LOGNAME=tester \
    XDG_RUNTIME_DIR="/run/user/$uid" PATH="$PATH" "$@"
}
(
  # A shell of its own, so that only the manager and its units live in the group.
  self=$(sh -c 'echo $PPID')
  for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ ! -d "$tree/$group" ] || echo "$self" >"$tree/$group/cgroup.procs"
  done
  exec setpriv --reuid="$uid" --regid="$uid" --clear-groups env -i HOME="$home" XDG_RUNTIME_DIR="/run/user/$uid" \
    PATH="$PATH" /lib/systemd/systemd --user --log-target=console --log-level=warning </dev/null >"$home/manager.log" 2>&1
) &
manager=$!
leave() {
  kill "$manager" 2>/dev/null || true
  wait "$manager" 2>/dev/null || true
  for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ ! -d "$tree/$group" ] || find "$tree/$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}
trap leave EXIT
as_user sh
