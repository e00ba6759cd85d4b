/*
 * Replays a corpus without libFuzzer: each file of the given folders is one input and one line of TAP.
 * A mistake aborts the program, as it does under libFuzzer; the file is named before it is tried.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path, int number)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long size;
	int status = 1;

	if (!file) {
		printf("not ok %d - %s cannot be read\n", number, path);
		return 1;
	}
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	data = malloc((size_t)size + 1); /* exactly as long as the input, so that a checker sees an overrun */
	data = realloc(data, size ? (size_t)size : 1);
	printf("# %s\n", path);
	fflush(stdout);
	if (data && fread(data, 1, (size_t)size, file) == (size_t)size) {
		LLVMFuzzerTestOneInput(data, (size_t)size);
		status = 0;
	}
	printf("%s %d - %s\n", status ? "not ok" : "ok", number, strrchr(path, '/') + 1);
	free(data);
	fclose(file);
	return status;
}

int main(int argc, char **argv)
{
	int n = 0, failed = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent **entries;
		int found = scandir(argv[i], &entries, NULL, alphasort);

		for (int j = 0; j < found; j++) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], entries[j]->d_name);
			if (entries[j]->d_name[0] != '.')
				failed += replay(path, ++n);
			free(entries[j]);
		}
		if (found >= 0)
			free(entries);
	}
	printf("1..%d\n", n);
	return failed || !n;
}
