/* The few functions of libcurl that HTTP uses, found by dlopen. Only http_*.c include this. */
#ifndef DEVENV_BASE_HTTP_LIBRARY_H
#define DEVENV_BASE_HTTP_LIBRARY_H

#include "base/error.h"

#include <curl/curl.h>

struct curl_library {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *easy);
	void (*easy_reset)(CURL *easy);
	CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
	CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
	const char *(*easy_strerror)(CURLcode code);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_cleanup)(CURLM *multi);
	CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_perform)(CURLM *multi, int *running);
	CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned n, int timeout,
		int *ready);
	CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
	CURLcode (*easy_send)(CURL *easy, const void *data, size_t len, size_t *n);
	CURLcode (*easy_recv)(CURL *easy, void *buf, size_t room, size_t *n);
	/* Of the library for TLS that it uses; NULL: it uses another. */
	int (*gnutls_bye)(void *session, int how);
	int (*ssl_shutdown)(void *ssl);
};

/* From any thread; loads once a process. NULL: ERROR_UNREACHABLE, says which package is missing. */
const struct curl_library *curl_library(struct error *err);

/* http_stream.c: a handle that is connected and nothing else; all three are the stream's now. */
struct http_stream;
struct http_stream *http_stream_curl(const struct curl_library *curl, CURL *easy, CURLM *multi);

#endif
