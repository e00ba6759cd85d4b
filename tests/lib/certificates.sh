# shellcheck shell=bash
# Certificates and kubeconfigs for Kubernetes' programs, by openssl. All in one folder: ca.crt and
# ca.key sign NAME.crt for NAME.key.

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1" 2>/dev/null && chmod 600 "$1"; }

certificate_authority() { # DIR
	new_key "$1/ca.key"
	openssl req -x509 -new -key "$1/ca.key" -subj /CN=tests -days 3650 -out "$1/ca.crt" \
		-addext keyUsage=critical,keyCertSign,digitalSignature
}

# certificate DIR NAME USER [GROUP] [SUBJECT ALTERNATIVE NAME,...]
certificate() {
	local subject=${4:+/O=$4}/CN=$3
	new_key "$1/$2.key"
	openssl req -new -key "$1/$2.key" -subj "$subject" |
		openssl x509 -req -CA "$1/ca.crt" -CAkey "$1/ca.key" -set_serial "0x$(openssl rand -hex 8)" \
			-days 3650 -out "$1/$2.crt" -extfile <(
				echo 'extendedKeyUsage = serverAuth, clientAuth'
				echo "${5:+subjectAltName = $5}"
			) 2>/dev/null
}

# kubeconfig DIR SERVER CERTIFICATE [NAME]: prints one that holds everything itself
kubeconfig() {
	kubeconfig_of "$1" "$2" "${4:-$3}" "client-certificate-data: $(base64 -w 0 "$1/$3.crt")" \
		"client-key-data: $(base64 -w 0 "$1/$3.key")"
}

kubeconfig_token() { # DIR SERVER NAME TOKEN
	kubeconfig_of "$1" "$2" "$3" "token: $4"
}

kubeconfig_of() { # DIR SERVER NAME LINE...: NAME is that of cluster, user and context
	local dir=$1 server=$2 name=$3
	shift 3
	cat <<-YML
	apiVersion: v1
	kind: Config
	clusters:
	- name: $name
	  cluster:
	    server: $server
	    certificate-authority-data: $(base64 -w 0 "$dir/ca.crt")
	users:
	- name: $name
	  user:
	$(printf '    %s\n' "$@")
	contexts:
	- name: $name
	  context: { cluster: $name, user: $name }
	current-context: $name
	YML
}
