{{/* onehopd.toml: what the chart sets, and then what values.yaml names under `config`. One setting a line. */}}
{{- define "onehop.settings" -}}
{{- if ge (int .Values.drain.delaySeconds) (int .Values.drain.deadlineSeconds) -}}
{{- fail "drain.delaySeconds must be below drain.deadlineSeconds, which is all the time a drain has" -}}
{{- end -}}
{{- if and (not .Values.tls.secretName) (not .Values.insecure.plaintext) -}}
{{- fail "tls.secretName names no certificate: give one, or set insecure.plaintext to leave everything unencrypted" -}}
{{- end -}}
{{- if and (not .Values.identity.secretName) (not .Values.insecure.everybody) -}}
{{- fail "identity.secretName names no files that say who clients are: give them, or set insecure.everybody to let everybody in" -}}
{{- end -}}
{{- if and (ne .Values.tls.clientCertificates "none") (not .Values.tls.clientAuthoritySecretName) -}}
{{- fail "tls.clientCertificates needs an authority: tls.clientAuthoritySecretName" -}}
{{- end -}}
{{- $scheme := include "onehop.scheme" . -}}
{{- if .Values.proxyFrom -}}
listen = ["tcp://127.0.0.1:7411"]
listen_proxy = ["{{ $scheme }}://0.0.0.0:7415"]
proxy_from = {{ toJson .Values.proxyFrom }}
{{- else -}}
listen = ["{{ $scheme }}://0.0.0.0:7411"]
{{- end }}
{{- if .Values.tls.secretName }}
tls_certificate_file = ["/etc/onehop/tls/tls.crt"]
tls_key_file = ["/etc/onehop/tls/tls.key"]
{{- if ne .Values.tls.clientCertificates "none" }}
tls_client = {{ toJson .Values.tls.clientCertificates }}
tls_client_ca_file = "/etc/onehop/client-ca/ca.crt"
{{- end }}
{{- end }}
{{- with .Values.identity }}
{{- if .secretName }}
authentication = {{ toJson .authentication }}
{{- if has "users" .authentication }}
users_file = "/etc/onehop/identity/{{ .usersKey }}"
{{- end }}
{{- if has "token" .authentication }}
token_keys_file = "/etc/onehop/identity/{{ .tokenKeysKey }}"
{{- end }}
{{- if .permissionsKey }}
permissions_file = "/etc/onehop/identity/{{ .permissionsKey }}"
{{- end }}
{{- end }}
{{- end }}
allow_plaintext = {{ .Values.insecure.plaintext }}
admin = "{{ $scheme }}://0.0.0.0:7412"
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

{{/* How clients and operators connect: tls or tcp. */}}
{{- define "onehop.scheme" -}}
{{- ternary "tls" "tcp" (not (empty .Values.tls.secretName)) -}}
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
