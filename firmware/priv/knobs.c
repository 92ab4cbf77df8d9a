#include "knobs.h"

#include "base/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void make_later_ones_deaf(int dir)
{
	int fd = openat(dir, "default/accept_ra", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!pwrite(fd, "0\n", 2, 0); /* then advertised addresses are taken away again, one by one */
	(void)close(fd); /* written or not */
}

static int open_knob(int dir, const char *device, const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "%s/%s", device, name);
	return openat(dir, path, O_WRONLY | O_CLOEXEC);
}

static void close_knob(int fd)
{
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
}

static bool turn(int fd, bool is_on)
{
	return pwrite(fd, is_on ? "1\n" : "0\n", 2, 0) == 2;
}

void knobs_open(struct knobs *k)
{
	DIR *d = opendir("/proc/sys/net/ipv6/conf");

	for (struct dirent *e; d && k->n < KNOBS_MAX && (e = readdir(d));) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= IF_NAMESIZE || strcmp(e->d_name, "all") == 0 ||
		    strcmp(e->d_name, "default") == 0 || strcmp(e->d_name, "lo") == 0)
			continue;
		int accept = open_knob(dirfd(d), e->d_name, "accept_ra"), autoconf = open_knob(dirfd(d), e->d_name, "autoconf");
		if (accept < 0 || autoconf < 0) {
			close_knob(accept);
			close_knob(autoconf);
			continue; /* knobs_accept says so, where it is wanted */
		}
		k->v[k->n].accept = accept;
		k->v[k->n].autoconf = autoconf;
		snprintf(k->v[k->n++].device, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, e->d_name);
	}
	if (d) {
		make_later_ones_deaf(dirfd(d));
		(void)closedir(d); /* read only */
	}
}

int knobs_accept(const struct knobs *k, const char *device, bool is_on, bool has_addresses)
{
	for (unsigned i = 0; i < k->n; i++)
		if (strcmp(k->v[i].device, device) == 0)
			return turn(k->v[i].autoconf, has_addresses) && turn(k->v[i].accept, is_on) ? 0 : ERR_SYS;
	return ERR_NOT_FOUND;
}
