/* What could stand where the cursor is, from the table in command.h. */
#ifndef DEVENV_CLI_COMPLETE_H
#define DEVENV_CLI_COMPLETE_H

#include "base/strbuf.h"
#include "cli/options.h"

/* Values that are not in the table: it asks for those of one kind. */
struct complete_source {
	/* Calls `offer` for each; `description` may be NULL. */
	void (*values)(void *arg, enum complete kind,
		void (*offer)(void *offer_arg, const char *value, const char *description),
		void *offer_arg);
	void *arg;
};

/*
 * `words` is the line without "devenv", the last one being typed (perhaps empty). Appends a line
 * "value<TAB>description" for each candidate and, where the shell should look for itself, ":file"
 * or ":directory". `bare`: an option's value in "--option=value" is offered without what stands
 * before it, as bash wants it.
 */
void complete_words(struct strbuf *out, const char *const *words, size_t n, bool bare,
	const struct complete_source *source);

#endif
