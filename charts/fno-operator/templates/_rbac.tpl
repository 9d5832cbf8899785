{{- /* What the operator may do in namespaces with jobs. One comment per rule says which call needs it. */}}
{{- define "fno.rules" -}}
# The watches behind planning. Jobs, batches and providers are also read again before a decision that must not be based on a stale copy.
- apiGroups: [fno.dev]
  resources: [fnoproviders, fnojobs, fnobatches]
  verbs: [get, list, watch]
# Finalizers of active jobs and batches; deletion after their TTL. Only the operator creates batches.
- apiGroups: [fno.dev]
  resources: [fnojobs]
  verbs: [patch, update, delete]
- apiGroups: [fno.dev]
  resources: [fnobatches]
  verbs: [create, patch, update, delete]
# Claims, results, grants, used TOTP steps: compare-and-set on the status.
- apiGroups: [fno.dev]
  resources: [fnoproviders/status, fnojobs/status, fnobatches/status]
  verbs: [get, patch, update]
# The admission policies check this verb before they admit a status that is neither a person's decision nor a runner's report.
- apiGroups: [fno.dev]
  resources: [fnoproviders, fnojobs, fnobatches]
  verbs: [operate]
# get: an account's password and seed. create, delete: the batch's work and its one-time codes.
# watch: granted to runners for their own codes; an account can grant only what it holds itself.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, watch, create, delete]
# The runner's account, and the Role and RoleBinding that give it access to its own batch and codes. They are owned by the batch.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, create, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, create, delete]
# Runner Pods: created, watched, deleted at the end of a batch. list and delete are also needed to find and delete orphans.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
# The runner's log, kept as evidence when the batch ends.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# The runner Pods' evidence volume, created if it does not exist.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, create]
# Events on transitions. get and patch count repetitions.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, get, patch]
{{- end }}

{{- define "fno.rules.view" -}}
- apiGroups: [fno.dev]
  resources: [fnoproviders, fnojobs, fnobatches]
  verbs: [get, list, watch]
{{- end }}

{{- define "fno.rules.submit" -}}
- apiGroups: [fno.dev]
  resources: [fnojobs]
  verbs: [create, patch, update, delete, deletecollection]
{{- end }}
