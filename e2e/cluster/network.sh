# The cluster's network: a network namespace connected to this machine by one link. usage: . network.sh (after place.sh).
# The machine reaches the API, every Service and every Pod by routes. Nothing in the namespace can open a connection to
# the machine or beyond.
# shellcheck shell=bash disable=SC2154

free_slot() { # the first slot, starting at the checkout's own, that has no route here and that no other cluster uses
  local try slot net taken
  for try in $(seq 0 255); do
    slot=$(((16#${id:0:2} + try) % 256)) taken=
    for net in 198.18.$slot.0/24 198.19.$slot.0/24; do
      taken+=$(ip -4 route show table all to root "$net"; ip -4 route show to match "$net" | grep -v ^default || true)
    done
    if [ -z "$taken" ] && ! grep -qsx "$slot" "$cache"/clusters/*/slot; then echo "$slot"; return; fi
  done
  die "all 256 address slots in 198.18.0.0/15 are routed on this machine"
}

make_network() {
  local slot
  # Locked, so that two clusters starting at the same time choose different slots.
  exec 8>"$cache/clusters/slots.lock"; flock 8
  slot=$(free_slot)
  addresses "$slot"
  ip netns add "$name"
  ip link add "$name" type veth peer name eth0 netns "$name"
  ip addr add "$host_ip/30" dev "$name"
  ip link set "$name" up
  ip route add "$services" via "$node_ip"
  ip route add "$pods" via "$node_ip"
  echo "$slot" >"$state/slot"
  exec 8>&-

  ip -n "$name" link set lo up
  ip -n "$name" addr add "$node_ip/30" dev eth0
  ip -n "$name" link set eth0 up
  # The node itself must reach Services too. Any route works, because kube-proxy rewrites the address before it is used.
  ip -n "$name" route add "$services" dev lo src "$node_ip"
  nsenter --net="/run/netns/$name" bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  nsenter --net="/run/netns/$name" nft -f - <<K
table inet sealed {
  chain forward { type filter hook forward priority 0; oifname eth0 ct state new reject; }
  chain output { type filter hook output priority 0; oifname eth0 ct state new reject; }
}
K
}
