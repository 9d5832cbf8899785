{{- define "fno.egress.common" -}}
# DNS. OpenShift's DNS Pods listen on 5353 behind their Service.
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 5353, protocol: UDP}, {port: 5353, protocol: TCP}]
# The API server is not a Pod, so only its ports can be named.
- ports: [{{ range $i, $port := .Values.networkPolicy.apiServerPorts }}{{ if $i }}, {{ end }}{port: {{ $port }}, protocol: TCP}{{ end }}]
{{- end }}
{{- /* The port of an address scheme://host[:port][/…]: (list "redis://host" 6379). */}}
{{- define "fno.port" -}}
{{- $port := regexFind ":[0-9]+$" (urlParse (index . 0)).host | trimPrefix ":" }}
{{- default (index . 1) $port }}
{{- end }}
