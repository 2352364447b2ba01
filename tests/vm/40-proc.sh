# What /proc may hide, and who may read what.

# Runs a command as another user: as_app COMMAND...
as_app() {
    su app -c "$*"
}

for hide in 0 1 2 4; do
    mount -o remount,hidepid=$hide /proc 2>/dev/null || mount -t proc -o hidepid=$hide proc /proc
    holds "ps, hidepid=$hide, root" 0 'service' porthole ps
    case $hide in
        0) holds "ps, hidepid=$hide, another user" 0 'service' as_app porthole ps ;;
        *) holds "ps, hidepid=$hide, another user" 0 '!service' as_app porthole ps ;;
    esac
    holds "a check of a process, hidepid=$hide, root" 0 'healthy' porthole process service
done
mount -o remount,hidepid=0 /proc
mkdir -p /tmp/proc
if mount -t proc -o subset=pid proc /tmp/proc 2>/dev/null; then
    holds 'ps, subset=pid' 0 'service' unshare -m sh -c 'mount --move /tmp/proc /proc && porthole ps'
    holds 'listen, subset=pid' 0 'healthy' unshare -m sh -c 'mount --move /tmp/proc /proc && porthole listen 8080'
    umount /tmp/proc 2>/dev/null
fi
if [ -e /proc/sys/kernel/yama/ptrace_scope ]; then
    for scope in 1 2; do
        echo $scope >/proc/sys/kernel/yama/ptrace_scope
        holds "env, ptrace_scope=$scope" 0 'SOCKET' porthole env -p $other
    done
fi
echo 1 >/proc/sys/kernel/unprivileged_userns_clone 2>/dev/null
holds 'a check in a user namespace' 0 '200 OK' unshare -r porthole http :8080/healthz
holds 'ps in a user namespace' 0 'service' unshare -r porthole ps
holds 'a process of another user' 1 'cannot read|permission denied|not permitted' \
    as_app porthole env -p $service
holds 'a check as another user' 0 '200 OK' as_app porthole http :8080/healthz

# RSS in pages of this kernel: `ps` prints what VmRSS says, rounded.
rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$service/status)
same 'rss is VmRSS' "$((rss * 1024))" "$(porthole ps --json | sed "s/.*\"pid\": $service, [^}]*\"rss\": \([0-9]*\).*/\1/")"
