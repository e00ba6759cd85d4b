# shellcheck shell=bash
# What is asked of every backend that keeps state and lock elsewhere, to be sourced after terraform.sh. A file says
# what its own is:
#
#	elsewhere LINE...   the manifest of one module, `thing`, that keeps its state there
#	holder              prints the id of who holds the lock; nothing: nobody does
#	hold ID             somebody else holds it
#	let_go              and does so no longer

held_by() { [[ $(holder) == "$1" ]]; }

# It is made, left alone without any program, changed, seen to drift and destroyed.
state_elsewhere() {
	thing
	note_starts
	elsewhere
	expect 0 apply --yes
	equal a hello "$(cat a.txt)"
	equal 'the holder of the lock' '' "$(holder)"
	gone "$(private_folder)/terraform.tfstate"
	: >starts
	no_changes
	equal 'programs started' 0 "$(starts)"
	elsewhere 'variables: { content: other }'
	expect 0 apply --yes
	equal a other "$(cat a.txt)"
	no_changes --refresh=full
	echo -n tampered >a.txt
	expect 2 plan --detailed-exitcode --refresh=full
	equal 'the holder of the lock' '' "$(holder)"
	expect 0 apply --yes --refresh=full
	equal a other "$(cat a.txt)"
	rm -r infra # of the manifest too: destroying needs neither
	manifest <<<'spec: { resources: [] }'
	expect 0 apply --yes
	gone a.txt
	equal 'the holder of the lock' '' "$(holder)"
}

lock_of_a_death() {
	local note
	thing
	elsewhere
	begin "create $PWD/a.txt" apply --yes
	note=$(private_folder)/lock
	wait_until 30 grep -qs . "$note"
	equal 'the holder of the lock' "$(cat "$note")" "$(holder)"
	kill_all
	equal 'the holder of the lock after a death' "$(cat "$note")" "$(holder)"
	expect 0 apply --yes
	equal 'the holder of the lock' '' "$(holder)"
	gone "$note"
	equal a hello "$(cat a.txt)"
	no_changes --refresh=full

	# A lock that was released by hand, and that somebody else has since.
	expect 0 destroy --yes
	gone a.txt
	: >effects
	begin "create $PWD/a.txt" apply --yes
	note=$(private_folder)/lock
	wait_until 30 grep -qs . "$note"
	kill_all
	hold 11111111-2222-3333-4444-555555555555
	left_alone 11111111-2222-3333-4444-555555555555
	let_go
	expect 0 apply --yes
	equal a hello "$(cat a.txt)"
	no_changes --refresh=full
}

lock_of_somebody_else() {
	thing
	elsewhere
	expect 0 apply --yes
	hold 11111111-2222-3333-4444-555555555555
	elsewhere 'variables: { content: other }'
	expect 2 plan --detailed-exitcode # which takes none
	left_alone 11111111-2222-3333-4444-555555555555
	equal a hello "$(cat a.txt)"
	let_go
	expect 0 apply --yes
	equal a other "$(cat a.txt)"
	expect 0 destroy --yes
}

left_alone() { # ID
	expect 1 apply --yes
	has err "$1"
	equal 'the holder of the lock' "$1" "$(holder)"
}
