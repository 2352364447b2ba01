# Control groups: limits that bind, and what happens at them.

all=/sys/fs/cgroup

# Prints a shell command that joins these groups.
joins() {
    for group in "$@"; do printf 'echo $$ >%s/cgroup.procs; ' "$group"; done
}

# Runs a command in a group: in_group DIRECTORY COMMAND...
in_group() {
    local group=$1
    shift
    sh -c "$(joins $group) exec $*"
}

if [ "$groups" = v2 ]; then
    mount -t cgroup2 cgroup2 $all
    echo '+memory +cpu +pids' >$all/cgroup.subtree_control
    mkdir $all/outer
    echo '+memory +cpu +pids' >$all/outer/cgroup.subtree_control
    mkdir $all/outer/inner $all/outer/other
    echo 64M >$all/outer/memory.max
    echo 48M >$all/outer/inner/memory.max
    echo 40 >$all/outer/inner/pids.max
    inner=$all/outer/inner
    memory=$inner cpu=$inner pids=$inner
    throttled() { [ "$(sed -n 's/^nr_throttled //p' $cpu/cpu.stat)" -ge 30 ]; }
    echo '10000 100000' >$cpu/cpu.max
else
    mount -t tmpfs groups $all
    mkdir $all/memory $all/cpu $all/pids
    mount -t cgroup -o memory memory $all/memory
    mount -t cgroup -o cpu cpu $all/cpu
    mount -t cgroup -o pids pids $all/pids
    mkdir -p $all/memory/outer
    # Without a hierarchy the limit of the parent is not in force.
    echo 0 >$all/memory/memory.use_hierarchy 2>/dev/null
    echo 0 >$all/memory/outer/memory.use_hierarchy 2>/dev/null
    mkdir -p $all/memory/outer/inner $all/cpu/inner $all/pids/inner
    memory=$all/memory/outer/inner cpu=$all/cpu/inner pids=$all/pids/inner
    echo 16M >$all/memory/outer/memory.limit_in_bytes
    echo 48M >$memory/memory.limit_in_bytes
    echo 40 >$pids/pids.max
    throttled() { [ "$(sed -n 's/^nr_throttled //p' $cpu/cpu.stat)" -ge 30 ]; }
    echo 100000 >$cpu/cpu.cfs_period_us
    echo 10000 >$cpu/cpu.cfs_quota_us
fi

PORT=8083 sh -c "$(joins $memory $cpu $pids) exec service" &
grouped=$!
until_holds porthole-probe tcp :8083
holds 'the smallest limit of memory' 0 '^memory .* 48M ' porthole limits -p $grouped
holds 'the limit of CPU' 0 '^cpu .* 0\.1( CPU)? ' porthole limits -p $grouped
holds 'the limit of pids' 0 '^pids .* 40 ' porthole limits -p $grouped
holds 'doctor has nothing to say of limits' 0 '!OOM|throttled|at most' porthole doctor -p $grouped

if [ "$groups" = v2 ]; then
    # The limit that binds is the one with the least room, not the smallest.
    in_group $all/outer/other dd if=/dev/zero of=/tmp/fill bs=1M count=50 2>/dev/null
    holds 'the limit with the least room' 0 '^memory .* 64M ' porthole limits -p $grouped
    rm /tmp/fill
fi

in_group $memory tail /dev/zero 2>/dev/null
holds 'an OOM kill in limits' 0 '^memory .* 1 OOM kill' porthole limits -p $grouped
holds 'an OOM kill in doctor' 1 'killed a process for lack of memory: the limit is 48M' porthole doctor -p $grouped

sh -c "$(joins $cpu) while :; do :; done" &
busy=$!
until_holds throttled
holds 'throttling in limits' 0 '^cpu .*throttled' porthole limits -p $grouped
holds 'throttling in doctor' 1 'throttled in [0-9]+% of its scheduling periods' porthole doctor -p $grouped
kill $busy
wait $busy 2>/dev/null

sh -c "$(joins $pids) exec sleep 600" &
sleeper=$!
full() { [ "$(cat $pids/pids.current)" = 2 ]; }
until_holds full
echo 2 >$pids/pids.max
holds 'the limit of pids is used up in limits' 0 '^pids +2 +2 ' porthole limits -p $grouped
holds 'the limit of pids is used up in doctor' 1 'pids' porthole doctor -p $grouped
holds 'a check at the limit of pids' 0 '200 OK' in_group $pids porthole http :8080/healthz
kill $sleeper
echo 40 >$pids/pids.max

if [ "$groups" = v2 ]; then
    echo 4M >$inner/memory.high
    in_group $inner dd if=/dev/zero of=/tmp/fill bs=1M count=12 2>/dev/null
    holds 'memory.high in doctor' 1 'memory.high' porthole doctor -p $grouped
    rm /tmp/fill
    echo max >$inner/memory.high
fi
kill $grouped
