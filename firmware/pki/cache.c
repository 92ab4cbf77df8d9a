#include "cache.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "run/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char *const prefixes[] = { "list-", "staple-" };
_Static_assert(sizeof prefixes / sizeof prefixes[0] == CACHE_KIND_COUNT, "one prefix a kind");

enum { SWEPT_MAX = 1000 }; /* files looked at in one sweep */

static void name_of(enum cache_kind k, const uint8_t key[static CACHE_KEY_BYTES], char out[static DISK_NAME_MAX + 1])
{
	char hex[2 * CACHE_KEY_BYTES + 1];

	text_hex(bytes_make(key, CACHE_KEY_BYTES), hex);
	(void)snprintf(out, DISK_NAME_MAX + 1, "%s%s", prefixes[k], hex); /* shorter than that */
}

int cache_read(const struct cache *c, enum cache_kind k, const uint8_t key[static CACHE_KEY_BYTES], struct buf *out)
{
	char name[DISK_NAME_MAX + 1];

	name_of(k, key, name);
	return disk_read(c->dir_fd, name, out);
}

int cache_write(const struct cache *c, enum cache_kind k, const uint8_t key[static CACHE_KEY_BYTES], struct bytes content)
{
	char name[DISK_NAME_MAX + 1];

	name_of(k, key, name);
	return disk_replace(c->dir_fd, name, content);
}

static bool is_kind(const char *name, enum cache_kind k, uint8_t key[static CACHE_KEY_BYTES])
{
	struct bytes b = bytes_of(name), prefix = bytes_of(prefixes[k]);

	return bytes_starts(b, prefix) && text_unhex(bytes_skip(b, prefix.n), key, CACHE_KEY_BYTES) == 0;
}

void cache_sweep(const struct cache *c, enum cache_kind k, bool (*is_used)(void *arg, const uint8_t key[static CACHE_KEY_BYTES]), void *arg)
{
	int fd = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint8_t key[CACHE_KEY_BYTES];
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			(void)close(fd); /* read only */
		return;
	}
	for (int i = 0; i < SWEPT_MAX && (e = readdir(d)); i++)
		if (is_kind(e->d_name, k, key) && !is_used(arg, key) && unlinkat(c->dir_fd, e->d_name, 0) < 0)
			log_warn("pki.cache", LOG_STR("file", e->d_name), LOG_STR("reason", err_name(ERR_IO)));
	(void)closedir(d); /* read only */
}
