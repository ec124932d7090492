/*
 * replay.c
 *		A main() for a fuzzing harness that is built without a fuzzer: it hands
 *		the harness each file that is named, and each in a folder that is named,
 *		once.  So every input that ever broke something is a test on every
 *		compiler.  Speaks TAP, one line an argument.
 *
 * An input that breaks something ends the program, by a signal or a sanitizer;
 * the file is named on standard error before it is tried, if -v is given.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/mem.h"

/* Larger files are no inputs of ours. */
#define INPUT_SIZE_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool verbose;

/* In memory of exactly the file's size: one byte too far is seen. */
static bool
replay_file(const char *path, size_t size)
{
	FILE *file;
	uint8_t *data;
	bool ok;

	if (verbose)
		fprintf(stderr, "%s\n", path);
	if (size > INPUT_SIZE_MAX)
	{
		fprintf(stderr, "%s: too large\n", path);
		return false;
	}
	file = fopen(path, "rb");
	if (file == NULL)
	{
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	data = mem_alloc(size > 0 ? size : 1);
	ok = fread(data, 1, size, file) == size;
	fclose(file);
	if (!ok)
		fprintf(stderr, "%s: could not read\n", path);
	else
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	return ok;
}

/* Adds the files tried to *count. */
static bool
replay(const char *path, size_t *count)
{
	struct stat st;
	struct dirent *entry;
	DIR *dir;
	bool ok = true;

	if (stat(path, &st) != 0)
	{
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode))
	{
		++*count;
		return replay_file(path, (size_t) st.st_size);
	}
	dir = opendir(path);
	if (dir == NULL)
	{
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	while ((entry = readdir(dir)) != NULL)
	{
		char *name;

		if (entry->d_name[0] == '.')
			continue;
		name = mem_asprintf("%s/%s", path, entry->d_name);
		ok = replay(name, count) && ok;
		free(name);
	}
	closedir(dir);
	return ok;
}

int
main(int argc, char **argv)
{
	int first = 1;
	int status = EXIT_SUCCESS;

	if (argc > 1 && strcmp(argv[1], "-v") == 0)
	{
		verbose = true;
		first = 2;
	}
	printf("1..%d%s\n", argc - first, argc == first ? " # SKIP no inputs" : "");
	for (int i = first; i < argc; i++)
	{
		size_t count = 0;
		/* A folder without files would be a test that tests nothing. */
		bool ok = replay(argv[i], &count) && count > 0;

		printf("%sok %d - %s: %zu inputs\n", ok ? "" : "not ", i - first + 1,
			argv[i], count);
		fflush(stdout);
		if (!ok)
			status = EXIT_FAILURE;
	}
	return status;
}
