#!/bin/bash
# Holds the pods of one node to the NetworkPolicies that there are now, by iptables: for the nodes of the
# tests, which hold them to none. It knows what devenv writes (matchLabels, ports by number) and ends with an
# error at anything else. To be run again when pods or policies changed.
#
#	docker exec -i NODE bash -s <tests/lib/policies.sh
set -euo pipefail
export KUBECONFIG=/etc/rancher/k3s/k3s.yaml

get() { kubectl get "$1" -A -o json; }

rules() {
	jq -nr --slurpfile pods <(get pods) --slurpfile policies <(get networkpolicies) --slurpfile spaces <(get namespaces) '
		[$pods[0].items[] | select(.status.podIP and (.spec.hostNetwork | not) and .status.phase == "Running") |
			{ip: .status.podIP, space: .metadata.namespace, labels: (.metadata.labels // {})}] as $pods |
		($spaces[0].items | map({(.metadata.name): (.metadata.labels // {})}) | add) as $spaces |
		def chosen($labels): if .matchExpressions then error("matchExpressions") else
			[(.matchLabels // {}) | to_entries[] | .value == $labels[.key]] | all end;
		def addresses($space): . as $peer | if .ipBlock then error("ipBlock") else $pods[] |
			select(if $peer.namespaceSelector then . as $pod | $peer.namespaceSelector | chosen($spaces[$pod.space])
				else .space == $space end) |
			select(. as $pod | ($peer.podSelector // {}) | chosen($pod.labels)) | .ip end;
		def ports: if .ports then .ports[] | "-p \(.protocol // "TCP" | ascii_downcase) --dport \(.port)" else "" end;
		{type: "Ingress", rules: "ingress", peers: "from", own: "-d", peer: "-s", chain: "POLICY-IN"},
		{type: "Egress", rules: "egress", peers: "to", own: "-s", peer: "-d", chain: "POLICY-OUT"} | . as $way |
		":\($way.chain) - [0:0]",
		"-A \($way.chain) -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN",
		($pods[] | . as $pod |
			[$policies[0].items[] | select(.metadata.namespace == $pod.space) | .spec |
				select((.policyTypes | index($way.type)) and (.podSelector | chosen($pod.labels)))] |
			select(length > 0) |
			(.[] | .[$way.rules][]? | . as $rule | ports as $port |
				if $rule[$way.peers] then $rule[$way.peers][] | addresses($pod.space) | "\($way.peer) \(.)" else "" end |
				"-A \($way.chain) \($way.own) \($pod.ip) \(.) \($port) -j RETURN"),
			"-A \($way.chain) \($way.own) \($pod.ip) -j DROP")'
}

written=$(rules)
printf '*filter\n%s\nCOMMIT\n' "$(grep '^:' <<<"$written" && grep -v '^:' <<<"$written")" | iptables-restore --noflush
for chain in POLICY-IN POLICY-OUT; do
	iptables -C FORWARD -j $chain 2>/dev/null || iptables -I FORWARD -j $chain
done
