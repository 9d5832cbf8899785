# The cluster's certificates and configuration files, all in the state folder. usage: . configuration.sh (after place.sh).
# shellcheck shell=bash disable=SC2154

write_certificates() {
  local user
  cd "$state/pki" || return
  key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
  certificate() { # name subject [subjectAltName]
    key "$1"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" \
      -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "${3:-DNS:$1}") 2>/dev/null
  }
  key ca
  openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=$name" -out ca.crt
  certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:$api_ip,IP:$node_ip"
  certificate apiserver-kubelet /O=system:masters/CN=apiserver-kubelet
  certificate admin /O=system:masters/CN=admin
  certificate kubelet "/O=system:nodes/CN=system:node:$name" "DNS:$name,IP:$node_ip"
  for user in kube-controller-manager kube-scheduler kube-proxy; do certificate $user "/CN=system:$user"; done
  certificate coredns /CN=system:coredns
  for user in admin kubelet kube-controller-manager kube-scheduler kube-proxy coredns; do
    (umask 077; cat >"$state/$user.kubeconfig") <<K
apiVersion: v1
kind: Config
current-context: $name
contexts: [{name: $name, context: {cluster: $name, user: $name-$user}}]
clusters: [{name: $name, cluster: {server: "https://$node_ip:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $name-$user, user: {client-certificate-data: $(base64 -w0 $user.crt), client-key-data: $(base64 -w0 $user.key)}}]
K
  done
  key sa
  openssl ec -in sa.key -pubout -out sa.pub 2>/dev/null
  cd "$here" || return
}

write_configuration() {
  # Records who changed what, to count the writes per job. The cluster's own components are not recorded.
  cat >"$state/audit.yaml" <<K
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]}
- {level: None, users: ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:coredns"]}
- {level: None, nonResourceURLs: ["/*"]}
- {level: Metadata}
K
  # ptp, not bridge: every packet between two Pods passes through the namespace's routing, so Services work between Pods
  # without the br_netfilter kernel module.
  cat >"$state/cni/10-fno.conflist" <<K
{"cniVersion": "0.4.0", "name": "fno", "plugins": [
  {"type": "ptp", "ipam": {"type": "host-local", "dataDir": "$state/cni/addresses", "ranges": [[{"subnet": "$pods"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
K
  # NRI is off: it has one socket per machine and is not used. restrict_oom_score_adj: without CAP_SYS_RESOURCE a score
  # cannot be lowered, and the sandbox asks for -998.
  cat >"$state/containerd/config.toml" <<K
version = 3
root = "$state/containerd/root"
state = "$state/containerd/state"
[grpc]
  address = "$state/containerd/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "$pause"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$state/cni"
K
  # cgroupRoot: a second kubelet would otherwise take the first one's Pods for orphans and kill them.
  # failCgroupV1 false: allows hosts of either cgroup version. oomScoreAdj 0: as above.
  # localStorageCapacityIsolation stays on: without it Pods with ephemeral-storage limits are never scheduled.
  # The log of an ended container is kept until its Pod is deleted. The size keeps the log complete.
  : >"$state/resolv.conf"
  cat >"$state/kubelet.yaml" <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {x509: {clientCAFile: "$state/pki/ca.crt"}, anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
address: $node_ip
healthzPort: 0
containerRuntimeEndpoint: unix://$state/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$name
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDNS: [$node_ip]
clusterDomain: cluster.local
resolvConf: $state/resolv.conf
podLogsDir: $state/podlogs
containerLogMaxSize: 100Mi
tlsCertFile: $state/pki/kubelet.crt
tlsPrivateKeyFile: $state/pki/kubelet.key
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
K
  # CoreDNS is a process on the node, not a Pod, so that it answers before the first Pod starts. Names outside the cluster
  # do not exist here.
  cat >"$state/Corefile" <<K
.:53 {
  bind $node_ip
  errors
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig $state/coredns.kubeconfig
    ttl 1
  }
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
K
}
