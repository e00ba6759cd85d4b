#!/bin/bash
# Modules with a provider whose things are real: drift seen and repaired, import, destroy, deaths, one cache of
# plugins.
# shellcheck source=tests/lib/harness.sh
. "${BASH_SOURCE%/*}/../lib/harness.sh"
# shellcheck source=tests/lib/terraform.sh
. "${BASH_SOURCE%/*}/../lib/terraform.sh"

world_provider

files() { # NAME...: of world_file
	local name
	world_begin
	mkdir -p infra
	{
		world
		for name; do
			cat <<-TF
			resource "world_file" "$name" {
			  path    = "$PWD/$name.txt"
			  content = "hello"
			}
			TF
		done
	} >infra/main.tf
	: >effects
}

test_drift_is_seen_when_it_is_looked_for_and_repaired() {
	files a b
	note_starts
	module_manifest
	expect 2 plan --detailed-exitcode
	has out '+ world_file.a'
	expect 0 apply --yes
	equal a hello "$(cat a.txt)"
	no_changes --refresh=full

	echo -n tampered >a.txt
	: >starts
	no_changes # nobody looks inside
	equal 'programs started' 0 "$(starts)"
	expect 2 plan --detailed-exitcode --refresh=full
	has out '~ world_file.a'
	has out 'content = "tampered" → "hello"'
	lacks out 'world_file.b'
	equal 'a after planning' tampered "$(cat a.txt)"
	expect 0 apply --yes --refresh=full
	equal a hello "$(cat a.txt)"
	equal 'updates of a' 1 "$(effects "update $PWD/a.txt")"
	equal 'updates of b' 0 "$(effects "update $PWD/b.txt")"
	no_changes --refresh=full

	rm b.txt
	expect 2 plan --detailed-exitcode --refresh=full
	has out '+ world_file.b'
	expect 0 apply --yes --refresh=full
	equal b hello "$(cat b.txt)"
	no_changes --refresh=full

	expect 0 destroy --yes
	gone a.txt b.txt
	equal 'removals of a' 1 "$(effects "delete $PWD/a.txt")"
	no_rest
}

test_drift_is_seen_when_its_interval_has_passed() {
	files a
	note_starts
	module_manifest 'refreshInterval: 1h'
	expect 0 apply --yes
	expect 0 plan
	echo -n tampered >a.txt
	: >starts
	no_changes
	equal 'programs started before it is due' 0 "$(starts)"
	touch -d '2 hours ago' "$(private_folder)/looked"
	expect 2 plan --detailed-exitcode
	has out 'content = "tampered" → "hello"'
	expect 2 plan --detailed-exitcode # until it is repaired
	expect 0 apply --yes
	equal a hello "$(cat a.txt)"
	no_changes
}

test_what_replaces_a_thing_is_held_with_what_forces_it() {
	files a
	module_manifest
	expect 0 apply --yes
	sed -i 's|/a.txt"|/moved.txt"|' infra/main.tf
	expect 2 plan --detailed-exitcode
	has out '-/+ world_file.a'
	has out '# forces replacement'
	has out '! held'
	expect 0 apply --yes --allow-data-loss terraform_module.network
	gone a.txt
	there moved.txt
	no_changes
}

test_an_import_block_takes_what_exists() {
	files a
	echo -n there >a.txt
	cat >>infra/main.tf <<-TF
	import {
	  to = world_file.a
	  id = "$PWD/a.txt"
	}
	TF
	module_manifest
	expect 2 plan --detailed-exitcode
	has out 'world_file.a'
	has out 'content = "there" → "hello"'
	expect 0 apply --yes
	equal 'creates of a' 0 "$(effects "create $PWD/a.txt")"
	equal a hello "$(cat a.txt)"
	no_changes --refresh=full
}

test_a_state_that_exists_is_imported_and_goes_on() {
	files a
	(cd infra && "$TERRAFORM_PROGRAM" init -input=false >/dev/null &&
		"$TERRAFORM_PROGRAM" apply -input=false -auto-approve >/dev/null) || fail 'no state to import'
	module_manifest
	expect 0 import terraform_module.network infra/terraform.tfstate
	echo -n tampered >a.txt
	expect 2 plan --detailed-exitcode
	has out '~ world_file.a'
	expect 0 apply --yes
	equal 'creates of a' 1 "$(effects "create $PWD/a.txt")"
	expect 0 destroy --yes
	gone a.txt
}

# The one that was being made when all died is in nobody's state: made again, over what is there.
test_all_are_killed_while_the_provider_makes_something() {
	files a b
	sed -i "0,/content = \"hello\"/s||content = \"hello\"\n  wait_for = \"$PWD/go\"|" infra/main.tf
	module_manifest
	"$DEVENV" apply --yes >"$TRASH/killed" 2>&1 </dev/null &
	local run=$!
	wait_until 60 grep -qsx "create $PWD/a.txt" effects
	wait_until 60 grep -qsx "create $PWD/b.txt" effects
	kill -STOP "$run"
	kill_below "$run"
	kill -9 "$run"
	wait "$run" 2>/dev/null || true
	: >go
	expect 0 apply --yes
	no_changes --refresh=full
	equal a hello "$(cat a.txt)"
	expect 0 destroy --yes
	gone a.txt b.txt
	equal 'removals of b' 1 "$(effects "delete $PWD/b.txt")"
	no_rest
}

test_two_modules_at_once_share_one_plugin_cache() {
	files a
	cp -r infra other
	sed -i 's|/a.txt|/other.txt|' other/main.tf
	cp -r infra third
	sed -i 's|/a.txt|/third.txt|' third/main.tf
	module_manifest
	for name in other third; do
		echo "    - { type: terraform_module, name: $name, source: $name, binary: $TERRAFORM_PROGRAM }" >>.devenv/config.yml
	done
	cat >init-noted <<-SH
	#!/bin/bash
	[[ \$1 == init ]] || exec "$TERRAFORM_PROGRAM" "\$@"
	echo begin >>"$PWD/inits"
	"$TERRAFORM_PROGRAM" "\$@"
	status=\$?
	echo end >>"$PWD/inits"
	exit \$status
	SH
	chmod +x init-noted
	sed -i "s|binary: [^ ]*|binary: $PWD/init-noted|" .devenv/config.yml
	"$DEVENV" plan >plan.out 2>&1 &
	local other=$!
	expect 0 apply --yes
	wait "$other"
	there a.txt other.txt third.txt
	equal 'plugins in the cache' 1 "$(find -L plugins -name 'terraform-provider-world*' | wc -l)"
	equal 'inits that overlap' 0 "$(uniq -d inits | wc -l)"
	equal 'inits' "$(grep -c begin inits)" "$(grep -c end inits)"
	((6 <= $(grep -c begin inits))) || fail 'two runs of three modules are six inits at least'
	expect 0 plan --refresh=full
	expect 0 destroy --yes
	gone a.txt other.txt third.txt
}

# What is in the cache of plugins, and when it was last written.
cached() { find plugins -mindepth 1 ! -name .lock ! -type d -printf '%y %i %C@ %p\n' | sort; }

# Others may just run it.
test_a_package_that_is_there_is_not_installed_again() {
	files a
	module_manifest
	expect 0 apply --yes
	cached >before
	((1 <= $(wc -l <before))) || fail 'nothing is in the cache'
	cp -r infra other
	sed -i 's|/a.txt|/other.txt|' other/main.tf
	echo "    - { type: terraform_module, name: other, source: other, binary: $TERRAFORM_PROGRAM }" >>.devenv/config.yml
	expect 0 apply --yes
	there other.txt
	equal 'the cache' "$(cat before)" "$(cached)"
}

# The packages of a registry are archives. A lock file made elsewhere knows their sums, and those of what is in
# them for other platforms only.
test_a_package_that_the_lock_file_does_not_vouch_for_is_not_installed_over_the_one_there() {
	local sum archive package
	files a
	package=$(find "$WORLD_MIRROR" -name 'terraform-provider-world_*')
	archive=$PWD/mirror/tests.example/devenv/world/terraform-provider-world_1.0.0_$(basename "${package%/*}").zip
	mkdir -p "${archive%/*}"
	python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive: archive.write(sys.argv[2], sys.argv[3])' \
		"$archive" "$package" "${package##*/}"
	sum=$(sha256sum "$archive")
	echo "provider_installation { filesystem_mirror { path = \"$PWD/mirror\" } }" >programs.rc
	cp -r infra other
	sed -i 's|/a.txt|/other.txt|' other/main.tf
	cat >other/.terraform.lock.hcl <<-HCL
	provider "tests.example/devenv/world" {
	  version = "1.0.0"
	  hashes = [
	    "zh:${sum%% *}",
	  ]
	}
	HCL
	module_manifest
	expect 0 apply --yes
	cached >before
	((1 <= $(wc -l <before))) || fail 'nothing is in the cache'
	echo "    - { type: terraform_module, name: other, source: other, binary: $TERRAFORM_PROGRAM }" >>.devenv/config.yml
	expect 0 apply --yes
	there other.txt
	equal 'the cache' "$(cat before)" "$(cached)"
	equal 'packages outside the cache' 1 \
		"$(find "$DEVENV_HOME" -path '*/data/providers/*' -type f -name 'terraform-provider-world_*' | wc -l)"
	rm other.txt
	expect 0 apply --yes --refresh=full
	there other.txt
	equal 'the cache' "$(cat before)" "$(cached)"

	# One that knows it takes it from the cache.
	cp -r infra third
	sed -i 's|/a.txt|/third.txt|' third/main.tf
	cp "$(find "$DEVENV_HOME" -path '*/tree/infra/.terraform.lock.hcl')" third
	echo "    - { type: terraform_module, name: third, source: third, binary: $TERRAFORM_PROGRAM }" >>.devenv/config.yml
	expect 0 apply --yes
	equal 'the cache' "$(cat before)" "$(cached)"
	expect 0 destroy --yes
	gone a.txt other.txt third.txt
}

run_terraform_tests "$@"
