{{- define "fno.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "fno.fullname" -}}
{{- $name := include "fno.name" . }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "fno.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
app.kubernetes.io/name: {{ include "fno.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: fno-operator
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The labels that select the Pods of a component: (list . "operator"). They must never change, or an upgrade fails. */}}
{{- define "fno.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "fno.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "fno.serviceAccount" -}}
{{- default (include "fno.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- /* An image reference: (list $ .Values.runner.image "runner"). The name is that of the repository next to the operator's, which is used if
none is given. A digest is used without the tag: not every runtime accepts a reference with both. */}}
{{- define "fno.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $repository := $image.repository | default (printf "%s/%s" (dir $root.Values.image.repository) (index . 2)) -}}
{{- with dig "imageRegistry" "" (default dict $root.Values.global) -}}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^(localhost|[^/]*[.:][^/]*)/" $repository "") -}}
{{- end -}}
{{- if $image.digest }}{{ $repository }}@{{ $image.digest }}
{{- else }}{{ $repository }}:{{ $image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "fno.s3" -}}
{{- if hasPrefix "s3://" .Values.evidence.url }}true{{ end }}
{{- end }}

{{- define "fno.valkey.secret" -}}
{{- if .Values.valkey.external.url }}{{ .Values.valkey.external.secret }}
{{- else }}{{ default (printf "%s-valkey" (include "fno.fullname" .)) .Values.valkey.auth.existingSecret }}
{{- end }}
{{- end }}

{{- /* OpenShift assigns users and groups to each namespace and refuses others. */}}
{{- define "fno.openshift" -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}true{{ end }}
{{- end }}

{{- define "fno.podSecurityContext" -}}
runAsNonRoot: true
{{- if not (include "fno.openshift" .) }}
{{- with .Values.podSecurity.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.podSecurity.fsGroup }}
fsGroup: {{ int64 . }}
# Changing the group of every file on a large volume at each start would take minutes.
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "fno.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
