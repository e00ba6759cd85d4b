/*
 * Fields in one blob. What SQL never asks for is packed, because reading a column costs more than
 * reading a field: 10,000 records of 17 columns take twice as long as the same in five. Fields are
 * only ever appended: one that a blob was written without reads as NULL or 0.
 */
#ifndef DEVENV_STATE_PACK_H
#define DEVENV_STATE_PACK_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

void pack_int(struct strbuf *out, int64_t number);
void pack_text(struct strbuf *out, const char *text); /* NULL stays NULL */
void pack_bytes(struct strbuf *out, const void *bytes, size_t len); /* a fixed length */

struct unpack {
	const char *at, *end;
	bool ended;   /* a field was missing at the end: it is NULL or 0 */
	bool damaged; /* something did not fit; so are all later fields */
};

int64_t unpack_int(struct unpack *unpack);
const char *unpack_text(struct unpack *unpack); /* points into the blob */
void unpack_bytes(struct unpack *unpack, void *bytes, size_t len);

#endif
