{{- /* Every flag after `ebbtide operator`, one a line; all values are quoted, so that YAML reads strings. */ -}}
{{- define "ebbtide.args" -}}
- --namespace={{ .Release.Namespace }}
- --lease-name={{ include "ebbtide.leaseName" . }}
- --{{ if not .Values.leaderElection.enabled }}no-{{ end }}leader-election
- --lease-seconds={{ .Values.leaderElection.leaseSeconds | int64 }}
- --renew-seconds={{ .Values.leaderElection.renewSeconds }}
- --retry-seconds={{ .Values.leaderElection.retrySeconds }}
{{- if ge (float64 .Values.leaderElection.renewSeconds) (float64 .Values.leaderElection.leaseSeconds) }}
{{- fail "leaderElection.renewSeconds must be shorter than leaderElection.leaseSeconds: one that lost the Lease must have stopped before another begins" }}
{{- end }}
{{- if ge (mulf 1.2 (float64 .Values.leaderElection.retrySeconds)) (float64 .Values.leaderElection.renewSeconds) }}
{{- fail "leaderElection.retrySeconds is too long: it must fit 1.2 times into leaderElection.renewSeconds" }}
{{- end }}
- --listen=0.0.0.0:8080
- {{ printf "--prometheus-url=%s" (include "ebbtide.prometheusUrl" .) | quote }}
{{- if and (or .Values.metrics.tokenKey .Values.metrics.caKey) (not .Values.metrics.secretName) }}
{{- fail "metrics.tokenKey and metrics.caKey name keys of a Secret: set metrics.secretName too" }}
{{- end }}
{{- if .Values.metrics.tokenKey }}
- {{ printf "--prometheus-token-file=/etc/ebbtide/prometheus/%s" .Values.metrics.tokenKey | quote }}
{{- end }}
{{- if .Values.metrics.caKey }}
- {{ printf "--prometheus-ca-file=/etc/ebbtide/prometheus/%s" .Values.metrics.caKey | quote }}
{{- end }}
{{- range $label, $value := .Values.metrics.matchLabels }}
- {{ printf "--match-label=%s=%s" $label $value | quote }}
{{- end }}
{{- range .Values.metrics.allowed }}
- {{ printf "--allowed-metric=%s=%s" .name (default "namespace" .namespaceLabel) | quote }}
{{- end }}
- --sample-interval-seconds={{ .Values.metrics.sampleIntervalSeconds }}
- --label-mode={{ .Values.metrics.labelMode }}
{{- if .Values.metrics.profiles }}
- --profiles-file=/etc/ebbtide/profiles/profiles.yaml
{{- end }}
- --look-back-seconds={{ .Values.metrics.lookBackSeconds | int64 }}
{{- with .Values.notify.receiversFrom }}
{{- if and .secretName .configMapName }}
{{- fail "notify.receiversFrom names a Secret and a ConfigMap: the file of receivers comes from one of the two" }}
{{- end }}
{{- if or .secretName .configMapName }}
- {{ printf "--receivers-file=/etc/ebbtide/receivers/%s" .key | quote }}
{{- end }}
{{- end }}
- --tick-seconds={{ .Values.tickSeconds }}
- --write-rate={{ .Values.writesPerSecond }}
- --{{ if not .Values.enforcement.enabled }}no-{{ end }}enforcement
{{- if .Values.attribution.writePods }}
- --write-pods
{{- end }}
- --safety-idle-pauses-per-hour={{ .Values.safety.idlePausesPerHour | int64 }}
- --safety-paused-percent-per-hour={{ .Values.safety.pausedPercentPerHour | int64 }}
- --safety-idle-share-jump-percent={{ .Values.safety.idleShareJumpPercent | int64 }}
{{- range .Values.protectedNamespaces }}
- --protected-namespace={{ . }}
{{- end }}
- --currency={{ .Values.currency }}
{{- with .Values.clusterName }}
- {{ printf "--cluster-name=%s" . | quote }}
{{- end }}
- --log-level={{ .Values.logLevel }}
{{- end -}}
