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

void knobs_open(struct knobs *k)
{
	DIR *d = opendir("/proc/sys/net/ipv6/conf");
	char path[300];

	for (struct dirent *e; d && k->n < KNOBS_MAX && (e = readdir(d));) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= IF_NAMESIZE || strcmp(e->d_name, "all") == 0 ||
		    strcmp(e->d_name, "default") == 0 || strcmp(e->d_name, "lo") == 0)
			continue;
		snprintf(path, sizeof path, "%s/accept_ra", e->d_name);
		int fd = openat(dirfd(d), path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue; /* knobs_accept says so, where it is wanted */
		k->v[k->n].fd = fd;
		snprintf(k->v[k->n++].device, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, e->d_name);
	}
	if (d) {
		make_later_ones_deaf(dirfd(d));
		(void)closedir(d); /* read only */
	}
}

int knobs_accept(const struct knobs *k, const char *device, bool is_on)
{
	for (unsigned i = 0; i < k->n; i++)
		if (strcmp(k->v[i].device, device) == 0)
			return pwrite(k->v[i].fd, is_on ? "1\n" : "0\n", 2, 0) == 2 ? 0 : ERR_SYS;
	return ERR_NOT_FOUND;
}
