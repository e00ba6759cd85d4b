/*
 * Loads libcurl the first time that somebody wants HTTP (docs/adr/0003-libcurl-on-first-use.md).
 * The table is written once, under pthread_once, and only read afterwards; the library is never
 * unloaded.
 */
#include "base/http_library.h"

#include "base/alloc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The flavour of GnuTLS first: it is the one without a question of licences. */
static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};

#define SYMBOL(name) {offsetof(struct curl_library, name), "curl_" #name}
static const struct {
	size_t offset;
	const char *name;
} symbols[] = {
	SYMBOL(global_init),
	SYMBOL(easy_init),
	SYMBOL(easy_cleanup),
	SYMBOL(easy_reset),
	SYMBOL(easy_setopt),
	SYMBOL(easy_getinfo),
	SYMBOL(easy_strerror),
	SYMBOL(slist_append),
	SYMBOL(slist_free_all),
	SYMBOL(multi_init),
	SYMBOL(multi_cleanup),
	SYMBOL(multi_add_handle),
	SYMBOL(multi_remove_handle),
	SYMBOL(multi_perform),
	SYMBOL(multi_poll),
	SYMBOL(multi_info_read),
	SYMBOL(easy_send),
	SYMBOL(easy_recv),
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct curl_library library;
static bool loaded;
static char problem[256];

/* What a handle finds includes what it was linked with. */
static void find_tls(void *handle)
{
	void *bye = dlsym(handle, "gnutls_bye"), *shut = dlsym(handle, "SSL_shutdown");

	memcpy(&library.gnutls_bye, &bye, sizeof(bye));
	memcpy(&library.ssl_shutdown, &shut, sizeof(shut));
}

static void load(void)
{
	void *handle = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !handle; i++)
		handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		snprintf(problem, sizeof(problem),
			"libcurl is not installed (looked for %s and %s): install the package "
			"libcurl3-gnutls or libcurl4", names[0], names[1]);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *symbol = dlsym(handle, symbols[i].name);

		if (!symbol) {
			snprintf(problem, sizeof(problem),
				"the installed libcurl is too old: it lacks %s (7.66 has it)",
				symbols[i].name);
			return;
		}
		memcpy((char *)&library + symbols[i].offset, &symbol, sizeof(symbol));
	}
	find_tls(handle);
	if (library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		snprintf(problem, sizeof(problem), "libcurl does not start");
		return;
	}
	loaded = true;
}

const struct curl_library *curl_library(struct error *err)
{
	pthread_once(&once, load);
	if (!loaded) {
		error_set(err, ERROR_UNREACHABLE, "%s", problem);
		return NULL;
	}
	return &library;
}
