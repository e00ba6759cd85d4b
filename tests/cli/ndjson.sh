#!/bin/bash
# Every line of --json is as schemas/output.schema.json says, in the eyes of another validator.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

valid() { # judges the file out
	local status=0
	python3 - "$HARNESS_SOURCE/schemas/output.schema.json" "$TRASH/out" >"$TRASH/judged" 2>&1 <<-'PY' || status=$?
	import json, sys
	try:
	    import jsonschema
	except ImportError:
	    sys.exit(77)
	schema = json.load(open(sys.argv[1]))
	validator = jsonschema.Draft202012Validator(schema)
	lines = open(sys.argv[2]).read().splitlines()
	if not lines or json.loads(lines[0]).get("type") != "version":
	    sys.exit("the first line is no version")
	for line in lines:
	    value = json.loads(line)
	    if list(validator.iter_errors(value)):
	        kind = schema["$defs"].get(value.get("type"), {})
	        for error in jsonschema.Draft202012Validator({**kind, "$defs": schema["$defs"]}).iter_errors(value):
	            print(error.json_path, error.message)
	        sys.exit(f"not as the schema says: {line}")
	PY
	if ((status == 77)); then
		[[ -n ${DEVENV_TEST_AVAILABLE:-} ]] || fail 'jsonschema for python3 is missing'
		skip 'jsonschema for python3 is missing'
	fi
	((status == 0)) || fail "$(cat "$TRASH/judged")"
}

test_all_that_is_said_in_the_life_of_an_environment_is_as_the_schema_says() {
	need python3
	manifest <<-'YML'
	spec:
	  variables: { word: { default: hidden, sensitive: true } }
	  resources:
	    - { type: local_value, name: v, input: one }
	    - { type: local_file, name: a, path: a, content: "${local_value.v.output}" }
	    - { type: local_file, name: s, path: s, content: "${var.word}" }
	    - { type: local_command, name: ok, create: [sh, -c, "echo said >&2; echo '{\"n\": 1}'"], dependsOn: [local_file.a] }
	    - { type: local_command, name: bad, create: ["false"] }
	    - { type: local_file, name: behind, path: behind, content: x, dependsOn: [local_command.bad] }
	    - { type: local_process, name: p, command: [sleep, "300"] }
	  outputs: { word: { value: "${var.word}" }, n: { value: "${local_command.ok.n}" } }
	YML
	expect 0 plan --json && valid
	expect 1 apply --yes --json && valid
	sed -i 's/"false"/"true"/' .devenv/config.yml
	expect 0 apply --yes --json --rollback-on-failure && valid
	expect 0 plan --json && valid
	echo drift >a
	expect 2 plan --json --detailed-exitcode && valid
	expect 0 plan --json --refresh-only && valid
	expect 0 plan --json --explain local_file.a && valid
	devenv status --json && valid
	expect 0 list --json && valid
	expect 0 show --json local_file.a && valid
	expect 0 history --json && valid
	expect 0 history --json 1 && valid
	expect 0 outputs --json && valid
	expect 0 logs --json local_process.p && valid
	expect 0 graph --format json && valid
	expect 0 audit verify --json && valid
	expect 0 config show --json
	expect 0 validate --json && valid
	sed -i 's/content: x/contents: x/' .devenv/config.yml
	expect 1 plan --json && valid
	expect 0 destroy --yes --json && valid
	expect 64 plan --json --nonsense && valid
}

test_what_is_held_is_as_the_schema_says() {
	need python3
	{
		printf 'spec:\n  resources:\n'
		for i in 1 2 3 4 5; do echo "    - { type: local_value, name: v$i, input: x }"; done
	} | manifest
	expect 0 apply --yes --json
	sed -i '/name: v[1-4]/d' .devenv/config.yml
	expect 3 apply --yes --json && valid
	equal 'held changes' 4 "$(jq -c 'select(.type == "planned_change" and .change.hold)' "$TRASH/out" | wc -l)"
}

run_tests "$@"
