/*
 * The program. Started as a shim (see providers/local/shim.h) it watches over one detached process;
 * else it is the command line.
 */
#include "cli/cli.h"
#if __has_include("providers/local/shim.h")
#include "providers/local/shim.h"
#endif

#include <locale.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
#if __has_include("providers/local/shim.h")
	if (argc > 1 && strcmp(argv[1], "__shim") == 0)
		return local_shim_main(argc, argv);
#endif
	/* Only what decides about characters: numbers and sorting stay the same everywhere. */
	setlocale(LC_CTYPE, "");
	return cli_main(argc, argv, environ);
}
