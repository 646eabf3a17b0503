{{/* onehopd.toml: what the chart sets, and then what values.yaml names under `config`. One setting a line. */}}
{{- define "onehop.settings" -}}
{{- if ge (int .Values.drain.delaySeconds) (int .Values.drain.deadlineSeconds) -}}
{{- fail "drain.delaySeconds must be below drain.deadlineSeconds, which is all the time a drain has" -}}
{{- end -}}
{{- if .Values.proxyFrom -}}
listen = ["tcp://127.0.0.1:7411"]
listen_proxy = ["tcp://0.0.0.0:7415"]
proxy_from = {{ toJson .Values.proxyFrom }}
{{- else -}}
listen = ["tcp://0.0.0.0:7411"]
{{- end }}
allow_plaintext = true
admin = "tcp://0.0.0.0:7412"
drain_delay_ms = {{ mul .Values.drain.delaySeconds 1000 }}
drain_spread_ms = {{ mul .Values.drain.spreadSeconds 1000 }}
stop_deadline_ms = {{ mul .Values.drain.deadlineSeconds 1000 }}
reload_on_change = true
{{- range $name, $value := .Values.config }}
{{- if kindIs "float64" $value }}
{{ $name }} = {{ int64 $value }}
{{- else }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Of these, the lines that a running broker cannot take over. Only they make another pod. */}}
{{- define "onehop.fixedSettings" -}}
{{- $reloadable := .Files.Lines "reloadable.txt" -}}
{{- range splitList "\n" (include "onehop.settings" .) -}}
{{- if not (has (first (splitList " " .)) $reloadable) }}
{{ . }}
{{- end -}}
{{- end -}}
{{- end -}}
