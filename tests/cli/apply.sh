#!/bin/bash
# plan, apply, plan, destroy: the circle that everything else stands on.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"

two() {
	manifest <<-YML
	spec:
	  variables: { word: { default: hello } }
	  resources:
	    - { type: local_value, name: a, input: "\${var.word}" }
	    - { type: local_file, name: f, path: out/f.txt, content: "\${local_value.a.output} world" }
	  outputs: { file: { value: "\${local_file.f.absolutePath}" } }
	YML
}

test_a_plan_says_what_would_be_created_and_does_nothing() {
	two
	expect 0 plan
	has out '+ local_value.a will be created'
	has out '+ local_file.f will be created'
	has out 'Plan: 2 to add, 0 to change, 0 to destroy.'
	gone out "$DEVENV_HOME" .devenv/local
}

test_detailed_exit_codes_are_0_none_1_error_2_changes() {
	two
	expect 2 plan --detailed-exitcode
	expect 0 apply --yes
	expect 0 plan --detailed-exitcode
	echo 'spec: [' >>.devenv/config.yml
	expect 1 plan --detailed-exitcode
}

test_without_a_terminal_and_without_yes_apply_refuses_and_does_nothing() {
	two
	expect 1 apply
	has out 'Plan: 2 to add'
	has err '--yes'
	gone out "$DEVENV_HOME/state.db"
}

test_without_a_terminal_and_without_yes_destroy_refuses_and_does_nothing() {
	two
	expect 0 apply --yes
	expect 1 destroy
	has err '--yes'
	there out/f.txt
	no_changes
}

test_apply_makes_it_and_a_second_plan_finds_nothing() {
	two
	expect 0 apply --yes
	has out 'Apply complete: 2 added, 0 changed, 0 destroyed'
	equal content 'hello world' "$(cat out/f.txt)"
	no_changes
	expect 0 apply --yes
	has out 'No changes.'
	no_rest
}

test_the_outputs_are_printed_and_can_be_asked_for() {
	two
	expect 0 apply --yes
	expect 0 outputs
	has out "$PWD/out/f.txt"
}

test_a_changed_variable_reaches_the_file_and_the_plan_says_from_where() {
	two
	expect 0 apply --yes
	expect 0 plan --var word=bye
	has out '~ local_value.a'
	has out '"hello" → "bye"'
	has out 'Plan: 0 to add, 2 to change, 0 to destroy.'
	expect 0 apply --yes --var word=bye
	equal content 'bye world' "$(cat out/f.txt)"
	no_changes --var word=bye
}

test_a_changed_file_is_drift_and_is_put_right() {
	two
	expect 0 apply --yes
	echo mine >out/f.txt
	expect 2 plan --detailed-exitcode
	has out '~ local_file.f'
	expect 0 apply --yes
	equal content 'hello world' "$(cat out/f.txt)"
	no_changes
}

test_a_vanished_file_is_made_again() {
	two
	expect 0 apply --yes
	rm out/f.txt
	expect 2 plan --detailed-exitcode
	has out '+ local_file.f'
	expect 0 apply --yes
	there out/f.txt
	no_changes
}

test_a_resource_that_is_taken_out_goes() {
	two
	expect 0 apply --yes
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: a, input: hello }
	YML
	expect 0 plan
	has out '- local_file.f will be destroyed'
	expect 0 apply --yes
	gone out
	no_changes
	no_rest
}

# The manifest no longer says it: the record does.
test_what_was_to_stay_stays_when_it_is_taken_out() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: a, input: hello }
	    - { type: local_file, name: kept, path: kept, content: x, lifecycle: { retain: true } }
	    - { type: local_file, name: held, path: held, content: x, lifecycle: { preventDestroy: true } }
	YML
	expect 0 apply --yes
	sed -i '/local_file/d' .devenv/config.yml
	expect 1 apply --yes
	has err 'local_file.held'
	has err 'preventDestroy'
	expect 0 forget local_file.held --yes
	expect 0 apply --yes
	there kept held
	no_changes
}

test_destroy_leaves_nothing_behind() {
	two
	expect 0 apply --yes
	expect 0 destroy --yes
	has out 'Destroy complete: 0 added, 0 changed, 2 destroyed'
	gone out
	equal records 0 "$(state_query 'SELECT count(*) FROM record')"
	no_rest
	expect 0 destroy --yes
}

test_a_file_that_is_not_ours_is_never_overwritten() {
	two
	mkdir out
	echo precious >out/f.txt
	expect 1 apply --yes
	equal content precious "$(cat out/f.txt)"
}

test_a_mistake_in_the_manifest_changes_nothing() {
	two
	expect 0 apply --yes
	printf '    - { type: local_fiel, name: x }\n' >>.devenv/config.yml
	expect 1 apply --yes
	there out/f.txt
}

test_an_empty_manifest_is_no_reason_to_delete() {
	two
	expect 0 apply --yes
	: >.devenv/config.yml
	expect 1 apply --yes
	there out/f.txt
	rm .devenv/config.yml
	expect 1 apply --yes
	there out/f.txt
}

test_mistakes_are_reported_all_at_once_with_their_place() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_fiel, name: x }
	    - { type: local_file, name: y, path: a, contnet: b }
	    - { type: local_value, name: a, input: "${local_value.nobody.output}" }
	    - { type: local_value, name: b, input: "${var.unset}", dependsOn: [local_value.none] }
	    - { type: local_file, name: z, path: a, content: b, mode: "9" }
	    - { type: local_file, name: t, path: b, template: c, content: "${local_value.b.outpt}" }
	YML
	expect 1 validate
	for line in 6 7 8 9 10 11; do has err "config.yml:$line:"; done
	has err 'did you mean "local_file"?'
	has err 'did you mean "content"?'
	has err 'local_value.nobody'
	has err 'local_value.none'
	has err '"unset"'
	has err '"mode" must be'
	has err 'takes only one of "content" and "template"'
	has err 'did you mean "output"?'
	has err '9 errors.'
}

test_two_plans_of_one_state_are_equal_bytes() {
	two
	expect 0 plan
	cp "$TRASH/out" first
	expect 0 plan
	cmp first "$TRASH/out"
	expect 0 plan --json
	cp "$TRASH/out" first
	expect 0 plan --json
	cmp first "$TRASH/out"
}

test_json_is_one_object_a_line_with_the_version_first() {
	need jq
	two
	expect 0 plan --json
	jq -es '.[0].type == "version"' "$TRASH/out" >/dev/null
	expect 0 apply --yes --json
	jq -es 'all(.[]; has("type"))' "$TRASH/out" >/dev/null
	equal stderr '' "$(cat "$TRASH/err")"
}

test_a_saved_plan_is_applied_and_a_stale_one_refused() {
	two
	expect 0 plan -o saved.plan
	equal mode 600 "$(stat -c %a saved.plan)"
	expect 0 apply saved.plan
	there out/f.txt
	expect 0 plan -o stale.plan --var word=x
	expect 0 apply --yes --var word=y
	expect 1 apply stale.plan
	equal content 'y world' "$(cat out/f.txt)"
}

test_target_takes_what_it_needs_and_nothing_else() {
	two
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_value, name: a, input: hello }
	    - { type: local_file, name: f, path: f.txt, content: "${local_value.a.output}" }
	    - { type: local_file, name: g, path: g.txt, content: other }
	YML
	expect 0 apply --yes --target local_file.f
	there f.txt
	gone g.txt
	expect 0 apply --yes
	there g.txt
}

test_plan_works_from_a_folder_below_and_with_C() {
	two
	mkdir -p deep/er
	cd deep/er
	expect 0 plan
	has out 'Plan: 2 to add'
	cd /
	expect 0 -C "$TRASH/project" plan
	has out 'Plan: 2 to add'
}

test_no_manifest_is_an_error_that_says_how_to_begin() {
	expect 1 plan
	has err 'devenv init'
}

test_an_unknown_flag_or_command_names_the_nearest() {
	expect 64 pln
	has err 'plan'
	expect 64 plan --detaild-exitcode
	has err '--detailed-exitcode'
}

test_the_state_is_private() {
	two
	expect 0 apply --yes
	equal 'mode of the home' 700 "$(stat -c %a "$DEVENV_HOME")"
	equal 'mode of the database' 600 "$(stat -c %a "$DEVENV_HOME/state.db")"
	equal 'mode of the key' 600 "$(stat -c %a "$DEVENV_HOME/key")"
}

test_a_plan_makes_no_system_call_that_changes_anything() {
	two
	expect 0 apply --yes
	echo drift >out/f.txt
	STATUS=0
	traced --class open,write,sync,name,meta,net,spawn,signal --trace trace \
		-- "$DEVENV" plan </dev/null >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?
	equal status 0 "$STATUS"
	equal 'effects' '' "$(grep -v '/tsan\.' trace || true)" # ThreadSanitizer has a file of its own
	rm -rf "$DEVENV_HOME" .devenv/local
	traced --class open,write,sync,name,meta,net,spawn,signal --trace trace \
		-- "$DEVENV" plan </dev/null >"$TRASH/out" 2>"$TRASH/err" || STATUS=$?
	equal 'effects without state' '' "$(grep -v '/tsan\.' trace || true)"
}

test_an_intent_is_synced_before_its_first_effect() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_file, name: f, path: f.txt, content: x }
	YML
	traced --trace trace -- "$DEVENV" apply --yes </dev/null >"$TRASH/out" 2>&1
	local touched synced
	touched=$(grep -nE '/project/[^ ]*(f\.txt|\.tmp)|project/\.f' trace | head -n 1 | cut -d: -f1)
	[[ -n $touched ]] || fail "no effect on the file in $(cat trace)"
	synced=$(head -n "$touched" trace | grep -nE 'sync .*state\.db' | tail -n 1 | cut -d: -f1)
	[[ -n $synced ]] || fail "no sync of the database before line $touched of $(cat trace)"
	local written
	written=$(head -n "$touched" trace | grep -nE 'write .*state\.db(-wal|-journal)?$' | tail -n 1 | cut -d: -f1)
	((synced > written)) || fail "the intent was written (line $written) but not synced (line $synced)"
}

# What the leak checker of a sanitizer build does cannot be done under a tracer.
traced() { ASAN_OPTIONS=detect_leaks=0 "$HARNESS_TOOLS/killat" count "$@"; }

test_what_a_reference_turns_out_to_be_is_checked_before_it_is_used() {
	manifest <<-'YML'
	spec:
	  resources:
	    - { type: local_command, name: c, create: [echo, '{ "list": [1], "number": "8080" }'] }
	    - { type: local_file, name: bad, path: bad, content: "${local_command.c.list}" }
	    - { type: local_process, name: good, command: [sleep, "1000"], ports: ["${local_command.c.number}"] }
	YML
	expect 1 apply --yes
	has err 'local_file.bad: creating failed: "content" must be a string, not a list'
	has err 'local_process.good: created'
	expect 1 plan
	has err '"content" must be a string, not a list'
	has err '--> .devenv/config.yml:7:'
}

run_tests "$@"
