{{- /* A duration such as 1h30m in milliseconds. */}}
{{- define "fno.milliseconds" -}}
{{- $total := 0 -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 -}}
{{- $total = add $total (mul (regexFind "^[0-9]+" .) (get $units (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $total -}}
{{- end }}

{{- /* Forms of texts: a regular expression, and the same in words. They are here and not in the schema, whose error would show the expression.
Errors do not repeat URLs, because a password in one would end up in logs. */}}
{{- define "fno.forms" }}
duration: ['^([0-9]+(ms|s|m|h))+$', 'a length of time such as 90s, 5m or 1h30m']
size: ['^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$', 'a size such as 500Mi or 5Gi']
quantity: ['^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$', 'a quantity such as 250m, 2 or 512Mi']
name: ['^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$', 'a name of lowercase letters, digits, "-" and "."']
namespace: ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'the name of a namespace: lowercase letters, digits and "-"']
variable: ['^[A-Za-z_][A-Za-z0-9_]*$', 'a name of letters, digits and "_"']
tag: ['^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$', 'a tag such as 1.2.3; a digest belongs in digest']
digest: ['^(sha256:[0-9a-f]{64})?$', 'sha256: and 64 hexadecimal digits']
repository: ['^([^\s@]+/[^\s@:/]+)?$', 'registry and repository without tag and digest, such as registry.example/fno/operator']
registry: ['^([^\s@/]+(/[^\s@:/]+)*)?$', 'a host with or without port and path, such as registry.example:5000/mirror']
evidenceUrl: ['^(file:///var/lib/fno/evidence|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/\S*)?)$', 'file:///var/lib/fno/evidence (volumes) or s3://bucket/prefix (an S3-compatible store)']
httpUrl: ['^(https?://[^\s@/]+/?)?$', 'http://host[:port] or https://host[:port], without a password and without a path']
valkeyUrl: ['^(rediss?://[^\s:@/]+(:[0-9]+)?(/[0-9]+)?)?$', 'redis://host[:port][/database] or rediss://host[:port][/database], without a password']
hostPort: ['^[^\s/:@]+:[0-9]+$', 'host:port, such as proxy.example:3128, without a password']
{{- end }}

{{- /* Which form each value must have. */}}
{{- define "fno.texts" }}
duration: [deadlines.podRunning, deadlines.loggedIn, deadlines.job, deadlines.heartbeat, metrics.serviceMonitor.interval]
size: [runner.shmSize, runner.tmpSize, evidence.volume.size, evidence.claim.size, valkey.persistence.size]
name: [nameOverride, fullnameOverride, serviceAccount.name, extraCA.configMap, evidence.volume.existingClaim, evidence.claim.name, evidence.s3.secret, evidence.s3.runnerSecret, valkey.auth.existingSecret, valkey.external.secret]
tag: [image.tag, runner.image.tag, runner.browserImage.tag, valkey.image.tag]
digest: [image.digest, runner.image.digest, runner.browserImage.digest, valkey.image.digest]
repository: [image.repository, runner.image.repository, runner.browserImage.repository, valkey.image.repository]
registry: [global.imageRegistry]
evidenceUrl: [evidence.url]
httpUrl: [evidence.s3.endpoint, proxy.url]
valkeyUrl: [valkey.external.url]
hostPort: [runner.proxy]
{{- end }}

{{- /* Checks one value: (list "size" "evidence.claim.size" "5GB"). null always passes: the schema says where it is allowed. */}}
{{- define "fno.form" -}}
{{- $form := index (include "fno.forms" . | fromYaml) (index . 0) -}}
{{- $value := index . 2 -}}
{{- if and (not (kindIs "invalid" $value)) (not (regexMatch (index $form 0) (toString $value))) }}
{{ index . 1 }}{{ if not (or (hasSuffix "Url" (index . 0)) (eq "hostPort" (index . 0))) }} is {{ toString $value | quote }}, but{{ end }} must be {{ index $form 1 }}.
{{- end }}
{{- end }}

{{- define "fno.problems.forms" -}}
{{- $values := .Values -}}
{{- range $form, $paths := include "fno.texts" . | fromYaml }}
{{- range $path := $paths }}
{{- $value := $values }}
{{- range splitList "." $path }}{{ $value = get ($value | default dict) . }}{{ end }}
{{- include "fno.form" (list $form $path $value) }}
{{- end }}
{{- end }}
{{- range $index, $namespace := $values.namespaces }}
{{- include "fno.form" (list "namespace" (printf "namespaces[%d]" $index) $namespace) }}
{{- end }}
{{- $resources := dict "resources" $values.resources "runner.resources" $values.runner.resources "runner.browserResources" $values.runner.browserResources "valkey.resources" $values.valkey.resources }}
{{- range $path, $of := $resources }}
{{- range $kind, $quantities := $of }}
{{- range $name, $quantity := $quantities }}
{{- include "fno.form" (list "quantity" (printf "%s.%s.%s" $path $kind $name) $quantity) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What the schema cannot check: values that contradict each other, that the operator would refuse at its start, or that would have no
effect. One line per problem, each naming the value. */}}
{{- define "fno.problems" -}}
{{- $values := .Values -}}
{{- include "fno.problems.forms" . }}
{{- if not (regexMatch "^(error|warn|info|debug|trace|off)(,[A-Za-z][A-Za-z0-9_:]*=(error|warn|info|debug|trace|off))*$" $values.logLevel) }}
logLevel {{ quote $values.logLevel }} is not a level: use error, warn, info, debug, trace or off. Filters may follow, as in "info,fno_operator=debug".
{{- end }}
{{- range $name, $value := $values.deadlines }}
{{- $least := eq $name "heartbeat" | ternary 60 1 }}
{{- if and (not (include "fno.form" (list "duration" $name $value))) (lt (include "fno.milliseconds" $value | int64) (mul $least 1000)) }}
deadlines.{{ $name }} is {{ $value }}, but must be at least {{ $least }}s{{ if eq $name "heartbeat" }}: runners report every 30s{{ end }}.
{{- end }}
{{- end }}
{{- include "fno.problems.evidence" . }}
{{- include "fno.problems.valkey" . }}
{{- range $list, $entries := dict "extraEnv" $values.extraEnv "runner.extraEnv" $values.runner.extraEnv "runner.browserExtraEnv" $values.runner.browserExtraEnv }}
{{- range $entries }}
{{- include "fno.form" (list "variable" (printf "a name in %s" $list) .name) }}
{{- if regexMatch "^(FNO_.*|POD_NAME|POD_NAMESPACE|HOME|TMPDIR)$" .name }}
{{ $list }} must not set {{ .name }}: the operator sets it.
{{- end }}
{{- end }}
{{- end }}
{{- if and $values.metrics.serviceMonitor.enabled (not $values.metrics.service.enabled) }}
metrics.serviceMonitor.enabled needs metrics.service.enabled.
{{- end }}
{{- if and $values.networkPolicy.runners.enabled (not $values.namespaces) }}
networkPolicy.runners.enabled needs namespaces: a NetworkPolicy is created in each namespace of that list.
{{- end }}
{{- if and $values.policies.runnerImages (not $values.policies.create) }}
policies.runnerImages needs policies.create.
{{- end }}
{{- end }}

{{- define "fno.problems.evidence" -}}
{{- $evidence := .Values.evidence -}}
{{- if include "fno.s3" . }}
{{- if eq $evidence.s3.secret $evidence.s3.runnerSecret }}
evidence.s3.secret and evidence.s3.runnerSecret must be different Secrets: the operator's credentials reach the evidence of all namespaces, those of a namespace only its own.
{{- end }}
{{- if $evidence.volume.existingClaim }}
evidence.volume.existingClaim has no effect with evidence.url {{ $evidence.url }}: remove one of them.
{{- end }}
{{- else }}
{{- if and (gt (int .Values.replicas) 1) (not (has "ReadWriteMany" $evidence.volume.accessModes)) }}
replicas is {{ .Values.replicas }}, but a volume with evidence.volume.accessModes {{ toJson $evidence.volume.accessModes }} can be mounted on one node only: use ReadWriteMany, an s3:// evidence.url, or one replica.
{{- end }}
{{- range $name := list "endpoint" "region" }}
{{- if get $evidence.s3 $name }}
evidence.s3.{{ $name }} has no effect with evidence.url {{ $evidence.url }}: set evidence.url to s3://bucket/prefix, or remove it.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "fno.problems.valkey" -}}
{{- $external := .Values.valkey.external -}}
{{- if $external.url }}
{{- if and $external.caKey (not $external.secret) }}
valkey.external.caKey {{ quote $external.caKey }} is a key of the Secret valkey.external.secret: set that too.
{{- end }}
{{- if and $external.caKey (not (hasPrefix "rediss://" $external.url)) }}
valkey.external.caKey has no effect without TLS: valkey.external.url must start with rediss://.
{{- end }}
{{- if .Values.valkey.auth.existingSecret }}
valkey.auth.existingSecret is for the Valkey that the chart installs: with valkey.external.url use valkey.external.secret.
{{- end }}
{{- else }}
{{- range $name := list "secret" "caKey" }}
{{- if get $external $name }}
valkey.external.{{ $name }} needs valkey.external.url.
{{- end }}
{{- end }}
{{- with .Values.valkey.image }}
{{- if not (and .repository (or .tag .digest)) }}
valkey.image needs a repository, and a tag or a digest.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
