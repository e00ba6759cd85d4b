#!/bin/bash
# Who signed it: SSH and OpenPGP, commits and tags.
# shellcheck source=tests/lib/sync.sh
. "${BASH_SOURCE%/*}/../lib/sync.sh"

# ssh_keys NAME...: keys of people, the first two of whom may sign (file signers).
ssh_keys() {
	local name
	for name; do ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$PWD/$name.key"; done
	for name in "${@:1:2}"; do echo "$name@example.com $(cat "$name.key.pub")"; done >signers
}
sign_with() { # NAME: from now on
	git -C repo config gpg.format ssh
	git -C repo config user.signingkey "$PWD/$1.key"
}
verified() { once "$1" --verify commits --keys signers "${@:2}"; }

test_only_what_is_signed_by_a_known_key_is_taken() {
	ssh_keys ada bob eve
	repo
	verified 1
	has err 'is not signed'
	gone "$(LIVE)/.devenv"
	sign_with ada
	commit signed -S
	verified 0
	holds one
	equal signer ada@example.com "$(recorded signer)"
	expect 0 -C "$(LIVE)" history --json
	equal signer ada@example.com "$(jq -r 'select(.type == "run").signer' "$TRASH/out")"
	sign_with eve
	writes two && commit evil -S
	verified 1
	has err 'signed by nobody whose key is in signers'
	holds one
	equal result refused "$(recorded result)"
	sign_with bob
	commit mended -S
	verified 0
	holds two
	equal signer bob@example.com "$(recorded signer)"
}

test_a_range_asks_every_commit() {
	ssh_keys ada
	repo
	sign_with ada
	git -C repo commit -q --amend -S --no-edit
	verified 0 --scope range
	writes two && commit unsigned
	commit signed -S
	verified 1 --scope range
	has err "$(head_of HEAD~1 | cut -c1-12) is not signed"
	holds one
	verified 0 --scope head
	holds two
}

test_a_signature_that_was_taken_from_another_commit_is_none() {
	ssh_keys ada
	repo
	sign_with ada
	commit signed -S
	writes two
	git -C repo add -A
	# The signature of the commit before, on another tree.
	git -C repo cat-file commit HEAD |
		sed "s/^tree .*/tree $(git -C repo write-tree)/; s/^parent .*/parent $(head_of)/" >forged
	git -C repo update-ref refs/heads/main "$(git -C repo hash-object -t commit -w --stdin <forged)"
	verified 1
	has err 'signed by nobody'
	gone "$(LIVE)/.devenv"
}

test_tags_are_signed_and_call_themselves_as_their_ref() {
	ssh_keys ada eve
	head -n 1 signers >one && mv one signers
	repo
	sign_with ada
	git -C repo tag v1.0.0
	once 1 --tag 'v*' --verify tags --keys signers
	has err 'is not signed'
	git -C repo tag -s -m release v1.1.0
	once 0 --tag 'v*' --verify tags --keys signers
	holds one
	equal signer ada@example.com "$(recorded signer)"
	# The old signed tag under a newer name.
	git -C repo update-ref refs/tags/v2.0.0 "$(git -C repo rev-parse refs/tags/v1.1.0)"
	once 1 --tag 'v*' --verify tags --keys signers
	has err 'calls itself otherwise'
	git -C repo tag -d v2.0.0 >/dev/null
	sign_with eve
	writes two && commit two && git -C repo tag -s -m evil v1.2.0
	once 1 --tag 'v*' --verify tags --keys signers
	has err 'signed by nobody'
	holds one
}

test_pgp_signatures_count_by_the_keys_of_the_file_alone() {
	need gpg
	export GNUPGHOME=$PWD/gnupg
	mkdir -m 700 gnupg
	local name
	for name in ada eve; do
		gpg --batch --quiet --passphrase '' --quick-generate-key "$name <$name@example.com>" ed25519 sign never \
			2>/dev/null
	done
	gpg --armor --export ada@example.com >keys.asc
	repo
	git -C repo config user.signingkey ada@example.com
	commit signed -S
	once 0 --verify commits --keys keys.asc
	matches "$TRASH/err" 'signed by ada <ada@example.com> \([0-9A-F]{40}\)'
	git -C repo config user.signingkey eve@example.com
	writes two && commit evil -S
	once 1 --verify commits --keys keys.asc
	has err 'signed by nobody'
	holds one
	gpgconf --kill all
}

test_keys_in_the_synced_folder_are_refused() {
	repo
	once 0
	echo x >"$(LIVE)/signers"
	once 1 --verify commits --keys "$(LIVE)/signers"
	has err 'lies in the folder that the repository is written to'
	once 1 --verify commits
	has err '--verify needs --keys'
	once 1 --verify commits --keys nowhere
}

run_tests "$@"
