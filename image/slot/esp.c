#include "slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int sync_folder(int dir)
{
	return fsync(dir) < 0 || syncfs(dir) < 0 ? -errno : 0;
}

/* The first file of that version, or the second when `skip` names the first. */
static bool find(int dir, const char *version, const char *skip, char found[SLOT_NAME])
{
	char v[SLOT_VERSION];
	bool is_found = false;
	int left, fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (const struct dirent *e; !is_found && (e = readdir(d));) {
		if (!slot_name_parse(e->d_name, v, &left) || strcmp(v, version) != 0 || (skip && strcmp(e->d_name, skip) == 0))
			continue;
		/* slot_name_parse takes no longer one. */
		memcpy(found, e->d_name, strlen(e->d_name) + 1);
		is_found = true;
	}
	closedir(d);
	return is_found;
}

int slot_bless(const char *folder, const char *version)
{
	char full[SLOT_NAME], found[SLOT_NAME];
	int rc = 0, dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	slot_name_full(version, full);
	if (!find(dir, version, NULL, found))
		rc = -ENOENT;
	else if (faccessat(dir, full, F_OK, 0) < 0 && renameat(dir, found, dir, full) < 0)
		rc = -errno;
	while (rc == 0 && find(dir, version, full, found))
		rc = unlinkat(dir, found, 0) < 0 ? -errno : 0;
	if (rc == 0)
		rc = sync_folder(dir);
	close(dir);
	return rc;
}
