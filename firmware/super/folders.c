#include "super.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int make(const char *path, mode_t mode, uid_t owner)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return ERR_SYS;
	if (chmod(path, mode) < 0)
		return ERR_SYS;
	return owner && chown(path, owner, owner) < 0 ? ERR_SYS : 0;
}

static int make_own(struct super *s, const struct service *row)
{
	char path[4096];

	if (!row->folder[0])
		return 0;
	int n = snprintf(path, sizeof path, "%s/%s", s->state, row->folder);
	if (n < 0 || (size_t)n >= sizeof path)
		return ERR_LIMIT;
	return make(path, 0700, s->uid_base ? s->uid_base + row->prog : 0);
}

int super_make_folders(struct super *s, const char **what)
{
	*what = s->state;
	if (make(s->state, 0711, 0))
		return ERR_SYS;
	*what = s->run;
	if (make(s->run, 0711, 0))
		return ERR_SYS;
	if (asprintf(&s->empty, "%s/empty", s->state) < 0)
		return ERR_NOMEM;
	*what = s->empty;
	if (make(s->empty, 0555, 0))
		return ERR_SYS;
	for (unsigned p = 0; p < PROG_COUNT; p++) {
		const struct service *row = service_of((enum prog)p);
		*what = row->folder;
		if (make_own(s, row))
			return ERR_SYS;
	}
	return 0;
}
