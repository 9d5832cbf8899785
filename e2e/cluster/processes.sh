# Starts and ends the cluster's processes. usage: . processes.sh (after place.sh).
# Why a cgroup: the kernel knows which processes belong to this cluster, containers and orphans included, after any crash.
# No process is ever signalled only because a file holds its process ID.
# shellcheck shell=bash disable=SC2154

# cgroup version 2 has one tree. Version 1 has one tree per controller; the one of `memory` is used.
cgroup_trees() { awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/mounts; }
account=/sys/fs/cgroup/$name
[ -f /sys/fs/cgroup/cgroup.controllers ] || account=/sys/fs/cgroup/memory/$name

make_cgroups() {
  local tree controllers controller
  for tree in $(cgroup_trees); do
    mkdir -p "$tree/$name"
    controllers=()
    # Version 2: the kubelet needs every controller, and a parent must delegate each one.
    [ ! -f "$tree/cgroup.controllers" ] || read -ra controllers <"$tree/cgroup.controllers" || true
    for controller in "${controllers[@]}"; do
      echo "+$controller" | tee "$tree/cgroup.subtree_control" "$tree/$name/cgroup.subtree_control" >/dev/null || true
    done
  done
}

# start NAME COMMAND...: runs the command in the cluster's network and cgroup, with its log in the state folder.
# nsenter, not `ip netns exec`: the latter would give each process its own mount namespace.
start() {
  local program=$1; shift
  mkdir -p "$account/$program"
  # shellcheck disable=SC2016
  setsid bash -c 'echo $$ >"$0" && exec "$@"' "$account/$program/cgroup.procs" \
    nsenter --net="/run/netns/$name" "$@" >"$state/log/$program.log" 2>&1 </dev/null 9>&- &
  echo $! >"$state/pid/$program"
  until alive "$program" || [ ! -e "/proc/$!" ]; do sleep 0.01; done
}

alive() { # NAME: the process that `start` created still runs
  local pid
  pid=$(cat "$state/pid/$1" 2>/dev/null) && grep -qsx "$pid" "$account/$1/cgroup.procs"
}

# until_true SECONDS WHAT PROGRAM COMMAND...: waits until the command succeeds, as long as the program runs.
until_true() {
  local end=$((SECONDS + $1)) what=$2 program=$3; shift 3
  until "$@" >/dev/null 2>&1; do
    if ! alive "$program" || [ $SECONDS -ge $end ]; then
      tail -n 20 "$state/log/$program.log" >&2
      die "$what did not become ready; the whole log is $state/log/$program.log"
    fi
    sleep 0.1
  done
}

# Removes everything of the cluster, running or not: processes, cgroups, network, files.
tear_down() {
  local round tree pids
  for round in $(seq 100); do
    pids=$(find "$account" -name cgroup.procs -exec cat {} + 2>/dev/null) || true
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null || true
    sleep 0.1
  done
  [ -z "$pids" ] || die "processes of the cluster $name cannot be killed: $(echo "$pids" | tr '\n' ' ')(round $round)"
  for tree in $(cgroup_trees); do
    [ ! -d "$tree/$name" ] || find "$tree/$name" -depth -type d -exec rmdir {} +
  done
  # The link is removed with its other end. The cluster's mounts were in a mount namespace that ended with its processes.
  [ ! -e "/run/netns/$name" ] || ip netns del "$name"
  rm -rf --one-file-system "$state"
}
