/* upgrade-make: makes an upgrade file. For the build of the image and for tests; it does not ship.
 *
 *     upgrade-make --key PEM --version V [--floor V] [--platform any|virtual|hardware] --out FILE uki=FILE root=FILE hash=FILE
 *
 * A part may be left out. Same inputs, same bytes. */
#include "image_make.h"

#include "base/err.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

struct job {
	int parts[PART_COUNT];
	FILE *out;
};

static int source(void *arg, enum image_part part, uint64_t offset, uint8_t *out, size_t n)
{
	return pread(((struct job *)arg)->parts[part], out, n, (off_t)offset) == (ssize_t)n ? 0 : ERR_IO;
}

static int sink(void *arg, struct bytes data)
{
	return fwrite(data.p, 1, data.n, ((struct job *)arg)->out) == data.n ? 0 : ERR_IO;
}

static int open_part(struct job *j, struct image_head *h, const char *word)
{
	for (unsigned p = 0; p < PART_COUNT; p++) {
		size_t n = strlen(image_part_names[p]);
		struct stat st;
		if (strncmp(word, image_part_names[p], n) != 0 || word[n] != '=')
			continue;
		j->parts[p] = open(word + n + 1, O_RDONLY | O_CLOEXEC);
		if (j->parts[p] < 0 || fstat(j->parts[p], &st) < 0)
			return ERR_IO;
		h->part_bytes[p] = (uint64_t)st.st_size;
		return 0;
	}
	return ERR_UNKNOWN;
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f)
		(void)fclose(f); /* read only */
	return key;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },      { "version", required_argument, NULL, 'v' }, { "floor", required_argument, NULL, 'f' },
		{ "platform", required_argument, NULL, 'p' }, { "out", required_argument, NULL, 'o' },	   { 0 },
	};
	struct image_head h = { .platform = "any" };
	struct job job = { .parts = { -1, -1, -1 } };
	const char *key_path = NULL, *out = NULL;
	bool has_version = false;
	int rc = 0;

	for (int o; !rc && (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'k')
			key_path = optarg;
		else if (o == 'o')
			out = optarg;
		else if (o == 'v')
			has_version = !(rc = image_version_parse(bytes_of(optarg), &h.version));
		else if (o == 'f')
			rc = image_version_parse(bytes_of(optarg), &h.floor);
		else if (o == 'p')
			snprintf(h.platform, sizeof h.platform, "%s", optarg);
		else
			rc = ERR_UNKNOWN;
	}
	for (int i = optind; !rc && i < argc; i++)
		rc = open_part(&job, &h, argv[i]);
	if (rc || !has_version || !out || optind == argc) {
		fprintf(stderr, "usage: upgrade-make --key PEM --version V [--floor V] [--platform P] --out FILE uki=FILE root=FILE hash=FILE\n");
		return 2;
	}
	EVP_PKEY *key = read_key(key_path);
	job.out = key ? fopen(out, "we") : NULL;
	rc = job.out ? image_make(&h, key, source, sink, &job) : ERR_IO;
	if (job.out && fclose(job.out) == EOF)
		rc = ERR_IO;
	EVP_PKEY_free(key);
	if (rc)
		fprintf(stderr, "upgrade-make: %s\n", err_text(rc));
	return rc ? 1 : 0;
}
