/* What the fuzz targets share. A target is one function; it must not crash, leak, hang or contradict itself. */
#ifndef DEVENV_TESTS_FUZZ_H
#define DEVENV_TESTS_FUZZ_H

#include "base/alloc.h"
#include "base/diag.h"
#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A statement that must hold for every input. */
#define MUST(condition) ((condition) ? (void)0 : abort())

#endif
