# Paths and names: the cache that all checkouts share, and the state of this checkout's cluster.
# usage: . place.sh (from the scripts beside it). Clusters of two checkouts must never meet, so every name and address is
# derived from the checkout's path.
# shellcheck shell=bash disable=SC2034

die() { echo "error: $*" >&2; exit 1; }

# logged LOG WHAT COMMAND...: writes the output to LOG and shows it only on failure. The command runs in the foreground, so
# that Ctrl-C ends it, and not as part of a condition, where `set -e` would have no effect inside it.
logged() {
  local log=$1 what=$2 status; shift 2
  set +e
  (set -e; "$@") >"$log" 2>&1
  status=$?
  set -e
  [ $status = 0 ] || { tail -n 20 "$log" >&2; die "$what failed, the whole log is $log"; }
  rm -f "$log"
}

here=$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")
checkout=$(realpath -- "$here/../..")
cache=$(realpath -m -- "${FNO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fno}")
id=$(printf %s "$checkout" | sha256sum | cut -c1-8)
name=fno-$id # of the network namespace, its link, the cgroup, the node and the kubeconfig's context
state=$cache/clusters/$id
images_env=$state/images.env
[ "${CLUSTER:-}" != current ] || images_env=$cache/clusters/$id.current.env

case $cache in *[[:space:]\"\\]*) die "the cache folder '$cache' contains a space or a quote: set FNO_CACHE to another folder";; esac
# A unix socket's path has at most 107 bytes; the longest here is $state/containerd/containerd.sock.ttrpc.
[ ${#state} -le 70 ] || die "the cache folder $cache makes paths too long for unix sockets: set FNO_CACHE to a path of at most 52 bytes"

# Addresses are from the range for benchmarks (RFC 2544), which no home or company network routes: slot N has the link 198.18.N.0/30, Services 198.18.N.128/25, Pods 198.19.N.0/24.
addresses() { # slot
  host_ip=198.18.$1.1 node_ip=198.18.$1.2 services=198.18.$1.128/25 api_ip=198.18.$1.129 pods=198.19.$1.0/24
}
[ ! -f "$state/slot" ] || addresses "$(<"$state/slot")"

kubectl() { "$state/bin/kubectl" --kubeconfig "$state/admin.kubeconfig" "$@"; }
ctr() { "$state/bin/ctr" --address "$state/containerd/containerd.sock" --namespace k8s.io "$@"; }

# Only one `up`, `down` or load at a time per cluster. Child processes do not inherit the lock, or it would outlive the
# script.
lock_cluster() {
  mkdir -p "$cache/clusters"
  exec 9>"$cache/clusters/$id.lock"
  flock -n 9 || { echo "cluster $name: waiting for another up or down" >&2; flock 9; }
}
