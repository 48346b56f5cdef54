#!/usr/bin/env bash
# Runs a command in namespaces of its own, as root, in which a node can be run (devcluster up -node), and with it what needs the
# node: containerd, a kubelet and their containers find empty directories and no network but their own, and when the command
# has ended all of it is gone, whatever state it is in. Nothing outside can be reached from inside, nor the other way round.
set -euo pipefail

# The kubelet sets these for the whole machine, unless they are so already.
tunables=(vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000)

# Cgroups are the one thing that namespaces do not take along. They cannot be removed before the last process in them has ended,
# which may take a moment after this script or unshare was killed.
remove_cgroups() {
    for _ in {1..100}; do
        find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2> /dev/null || true
        if [[ -z "$(find_cgroups)" ]]; then
            return
        fi
        sleep 0.1
    done
    echo "Cgroups are left that cannot be removed: $(find_cgroups)" >&2
    return 1
}

find_cgroups() {
    find /sys/fs/cgroup -maxdepth 2 -name 'kubepods*'
}

outside() {
    if [[ "$(id -u)" != 0 ]]; then
        echo "A node needs root." >&2
        exit 1
    fi
    if [[ -n "$(find_cgroups)" ]]; then
        echo "A kubelet runs on this machine, or this script was killed here: there are cgroups of one." >&2
        find_cgroups >&2
        exit 1
    fi
    trap remove_cgroups EXIT
    unshare --net --mount --pid --fork --kill-child --mount-proc "$0" --inside "$@"
}

inside() {
    for dir in /run /var/lib /var/log; do
        mount -t tmpfs tmpfs "${dir}"
    done
    # So the kubelet finds them as it wants them, and leaves the real ones alone.
    mkdir /run/tunables
    for tunable in "${tunables[@]}"; do
        local file="/run/tunables/${tunable//\//.}"
        echo "${tunable#*=}" > "${file}"
        mount --bind "${file}" "/proc/sys/${tunable%=*}"
    done
    ip link set lo up
    ip address add 10.0.0.1/32 dev lo # of the Service "kubernetes", see hack/devcluster/node.go
    "$@" # not exec: the shell stays, as the process with number 1, which orphans fall to
}

if [[ "${1:-}" == --inside ]]; then
    shift
    inside "$@"
else
    outside "$@"
fi
