/* What it is told, and the end of it: see listen.h. */
#include "listen/listen.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LONGEST = 4096 };

/* A line of stdin without its end, byte by byte: what comes behind is the server's. NULL: there is none. */
static const char *read_line(struct arena *arena)
{
	char line[LONGEST];
	size_t len = 0;

	for (;;) {
		if (len == sizeof(line) || read(STDIN_FILENO, line + len, 1) != 1)
			return NULL;
		if (line[len] == '\n')
			return arena_strndup(arena, line, len);
		len++;
	}
}

static int read_config(struct config *config)
{
	size_t cap = 0;
	const char *name;

	config->address = read_line(&config->arena);
	config->secret = read_line(&config->arena);
	while ((name = read_line(&config->arena)) && *name) {
		ARENA_GROW(&config->arena, config->names, config->n_names, cap);
		config->names[config->n_names++] = name;
	}
	return config->address && config->secret && *config->secret && name ? 0 : -1;
}

int main(void)
{
	struct config config = {0};
	struct error err = ERROR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0); /* it holds a secret */
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0 || read_config(&config) < 0) {
		dprintf(STDOUT_FILENO, "error devenv sync --listen starts this program\n");
		return 64;
	}
	if (server_run(&config, &err) < 0) {
		dprintf(STDOUT_FILENO, "error %s\n", err.msg);
		return 1;
	}
	return 0;
}
