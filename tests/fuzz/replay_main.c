/* Runs a fuzz target over every file of the folders given, without a fuzzer. Prints how many. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 1 << 20 };

/* The bytes stand in memory of exactly their size, so that the sanitizer sees each byte too far. */
static int run_file(const char *path)
{
	struct stat st;
	int rc = -1;
	uint8_t *data = NULL;
	FILE *f = fopen(path, "rb");

	if (!f || fstat(fileno(f), &st) != 0 || st.st_size > INPUT_MAX_BYTES)
		goto out;
	size_t n = (size_t)st.st_size;
	data = malloc(n ? n : 1);
	if (!data || fread(data, 1, n, f) != n)
		goto out;
	(void)LLVMFuzzerTestOneInput(data, n); /* it aborts when it is not content */
	rc = 0;
out:
	free(data);
	if (f)
		fclose(f);
	if (rc)
		fprintf(stderr, "%s: %s\n", path, errno ? strerror(errno) : "too large");
	return rc;
}

static int run_folder(const char *folder, unsigned *count)
{
	char path[4096];
	struct dirent *e;
	int rc = 0;
	DIR *d = opendir(folder);

	if (!d) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return -1;
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		int n = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		rc = n > 0 && (size_t)n < sizeof path ? run_file(path) : -1;
		(*count)++;
	}
	closedir(d);
	return rc;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	unsigned count = 0;
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++)
		rc = run_folder(argv[i], &count);
	printf("%s  replay %s: %u inputs\n", rc || !count ? "FAIL" : "pass", name ? name + 1 : argv[0], count);
	return rc || !count;
}
