#!/bin/bash
# An editor and the program judge a manifest alike: they read the same schema files.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

TESTS=$(cd "${BASH_SOURCE%/*}/.." && pwd)

test_config_schema_prints_the_files_as_they_are() {
	local file n=0
	while read -r file; do
		expect 0 config schema "$file"
		cmp "$TRASH/out" "$TESTS/../schemas/$file" || fail "$file differs"
		n=$((n + 1))
	done < <(cd "$TESTS/../schemas" && find . -name '*.json' -printf '%P\n')
	((n >= 7)) || fail "only $n schemas"
}

test_another_validator_judges_the_same_manifests_alike() {
	local status=0
	"$TESTS/schema/agree.py" >"$TRASH/out" 2>&1 || status=$?
	if ((status == 77)); then
		[[ -n ${DEVENV_TEST_AVAILABLE:-} ]] || fail "$(cat "$TRASH/out")"
		skip "$(cat "$TRASH/out")"
	fi
	((status == 0)) || fail "judged differently"
	matches out '^[1-9][0-9]* of [1-9][0-9]* manifests and items are judged alike$'
}

test_every_mistake_is_reported_at_once_with_its_place() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: a, pth: x, content: y }
	    - { type: local_fil, name: b }
	    - { type: local_file, name: c, path: x, content: y, mode: [6] }
	YML
	expect 1 validate
	has err 'unknown key "pth" in local_file'
	has err 'did you mean "path"?'
	has err 'local_file needs "path"'
	has err '"type" cannot be "local_fil"'
	has err '"mode" must be a string, not a list'
	# Once, where it stands, also when it is copied to where it is used.
	manifest <<-'YML'
	spec:
	  volumes: [{ name: v, type: tmpfs, size: 12X }]
	  services: [{ name: web, image: i, volumes: ["v:/v"] }]
	YML
	expect 1 validate
	has err '"size" must be a size'
	equal 'mistakes' 1 "$(grep -c Error: "$TRASH/err")"
}

run_tests "$@"
