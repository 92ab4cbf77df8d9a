#include "run/zone.h"

#include "base/err.h"

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MAX = 3, FILE_MAX = 64 << 10, TAIL = ZONE_RULE_MAX + 3 };

struct zone {
	char name[ZONE_NAME_MAX + 1], rule[ZONE_RULE_MAX + 1];
};

struct zones {
	size_t n;
	struct zone v[];
};

static bool is_name(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/");

	return n > 0 && name[n] == 0 && n <= ZONE_NAME_MAX;
}

/* The last line of a file of version 2 or later; it may be empty, where a zone's future is not known. */
static bool read_rule(const char *path, char rule[static ZONE_RULE_MAX + 1])
{
	char head[5], tail[TAIL];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is_good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > TAIL && st.st_size <= FILE_MAX &&
		       pread(fd, head, sizeof head, 0) == sizeof head && memcmp(head, "TZif", 4) == 0 && head[4] >= '2' &&
		       pread(fd, tail, sizeof tail, st.st_size - TAIL) == TAIL && tail[TAIL - 1] == '\n';

	if (fd >= 0)
		(void)close(fd); /* read only */
	if (!is_good)
		return false;
	const char *begin = memrchr(tail, '\n', TAIL - 1);
	size_t n = begin ? (size_t)(tail + TAIL - 1 - begin - 1) : 0;
	if (n == 0 || n > ZONE_RULE_MAX)
		return false;
	for (size_t i = 1; i <= n; i++)
		if (begin[i] <= ' ' || begin[i] >= 0x7f)
			return false;
	memcpy(rule, begin + 1, n);
	rule[n] = 0;
	return true;
}

static void add(struct zones *z, const char *name, const char *rule)
{
	struct zone *to = &z->v[z->n++];

	snprintf(to->name, sizeof to->name, "%s", name);
	snprintf(to->rule, sizeof to->rule, "%s", rule);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct zone *)a)->name, ((const struct zone *)b)->name);
}

/* Leap seconds counted in ("right") or the same again ("posix"): not zones of their own. */
static bool is_twin(const FTSENT *e)
{
	return e->fts_level == 1 && (strcmp(e->fts_name, "posix") == 0 || strcmp(e->fts_name, "right") == 0);
}

static void walk(struct zones *z, FTS *tree, size_t skip)
{
	char rule[ZONE_RULE_MAX + 1];

	for (FTSENT *e; z->n < ZONES_MAX && (e = fts_read(tree));) {
		if (e->fts_info == FTS_D && (e->fts_level > DEPTH_MAX || is_twin(e)))
			(void)fts_set(tree, e, FTS_SKIP); /* an entry of this walk */
		else if (e->fts_info == FTS_F && is_name(e->fts_path + skip) && strcmp(e->fts_path + skip, "UTC") != 0 &&
			 read_rule(e->fts_accpath, rule))
			add(z, e->fts_path + skip, rule);
	}
}

struct zones *zones_load(const char *folder)
{
	struct zones *z = calloc(1, sizeof *z + ZONES_MAX * sizeof z->v[0]);
	char *const paths[] = { (char *)(uintptr_t)folder, NULL };

	if (!z)
		return NULL;
	add(z, "UTC", "UTC0");
	FTS *tree = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	if (tree) {
		walk(z, tree, strlen(folder) + 1);
		(void)fts_close(tree); /* read only */
	}
	qsort(z->v, z->n, sizeof z->v[0], by_name);
	struct zones *fit = realloc(z, sizeof *z + z->n * sizeof z->v[0]);
	return fit ? fit : z;
}

void zones_free(struct zones *z)
{
	free(z);
}

size_t zones_count(const struct zones *z)
{
	return z->n;
}

const char *zones_name(const struct zones *z, size_t i)
{
	return z->v[i].name;
}

const char *zones_rule(const struct zones *z, struct bytes name)
{
	struct zone wanted;

	if (name.n > ZONE_NAME_MAX || memchr(name.p, 0, name.n))
		return NULL;
	memcpy(wanted.name, name.p, name.n);
	wanted.name[name.n] = 0;
	const struct zone *found = bsearch(&wanted, z->v, z->n, sizeof z->v[0], by_name);
	return found ? found->rule : NULL;
}

int zone_use(const char *rule)
{
	if (setenv("TZ", rule, 1))
		return ERR_NOMEM;
	tzset();
	return 0;
}

void zone_text(uint64_t unix_ms, char out[static ZONE_TEXT_BYTES])
{
	time_t s = (time_t)(unix_ms / 1000);
	char offset[8] = "";
	struct tm tm;

	localtime_r(&s, &tm);
	size_t n = strftime(out, ZONE_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(offset, sizeof offset, "%z", &tm); /* +hhmm */
	snprintf(out + n, ZONE_TEXT_BYTES - n, "%.3s:%.2s", offset, offset + 3);
}
