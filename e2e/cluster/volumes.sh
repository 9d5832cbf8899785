# Volumes for PersistentVolumeClaims. usage: . volumes.sh (after place.sh).
# A stock of local volumes of the default storage class replaces a provisioner: nothing has to run, and claims bind at
# once. The volumes are open to every user, because Pods run under arbitrary ones. The kubelet applies fsGroup to them.
# shellcheck shell=bash disable=SC2154

provide_volumes() {
  local volume number
  # A volume whose claim was deleted is emptied and recreated.
  for volume in $(kubectl get pv -o 'jsonpath={.items[?(@.status.phase=="Released")].metadata.name}'); do
    kubectl delete pv "$volume" >/dev/null
    rm -rf --one-file-system "${state:?}/volumes/$volume"
  done
  [ "$(kubectl get pv -o name | grep -c /fno-local-)" -lt 100 ] || return 0
  for number in $(seq 100); do
    volume=fno-local-$number
    [ -d "$state/volumes/$volume" ] || install -d -m 0777 "$state/volumes/$volume"
    cat <<K
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $volume}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce, ReadWriteMany]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
  local: {path: $state/volumes/$volume}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$name]}]}]}}
K
  done | kubectl apply --server-side -f - >/dev/null
}
