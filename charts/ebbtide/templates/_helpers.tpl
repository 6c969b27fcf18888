{{- define "ebbtide.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "ebbtide.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "ebbtide.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "ebbtide.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ebbtide.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ebbtide.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ebbtide.labels" -}}
{{ include "ebbtide.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ebbtide
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "ebbtide.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ebbtide.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is empty: name the ServiceAccount to use, or set serviceAccount.create=true" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "ebbtide.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "ebbtide.leaseName" -}}
ebbtide-leader
{{- end -}}

{{- define "ebbtide.prometheusUrl" -}}
{{- required "metrics.prometheusUrl is empty: without metrics nothing can be judged; set it, for example --set metrics.prometheusUrl=http://prometheus-server.monitoring:80" .Values.metrics.prometheusUrl -}}
{{- end -}}

{{- /* Rules of a role from a generated file; called with (list $ "files/..."). */ -}}
{{- define "ebbtide.rules" -}}
{{- $text := (index . 0).Files.Get (index . 1) | trim -}}
{{- required (printf "%s is missing from the chart: make generate writes it" (index . 1)) $text -}}
{{- end -}}

{{- /* Annotations of a part of the pre-delete hook; called with its weight. */ -}}
{{- define "ebbtide.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
