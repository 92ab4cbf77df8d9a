#include "esp.h"

#include "base/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* NULL: ERR_IO. */
static DIR *open_folder(int programs)
{
	int fd = openat(programs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		(void)close(fd); /* read only */
	return d;
}

/* fn says whether to go on. */
static int each(int programs, bool (*fn)(void *arg, const char *name, const struct image_version *version, int left), void *arg)
{
	char text[ESP_VERSION];
	DIR *d = open_folder(programs);
	int left;

	if (!d)
		return ERR_IO;
	for (const struct dirent *e; (e = readdir(d));) {
		struct image_version v;
		if (esp_name_parse(e->d_name, text, &left) && image_version_parse(bytes_of(text), &v) == 0 && !fn(arg, e->d_name, &v, left))
			break;
	}
	(void)closedir(d); /* read only */
	return 0;
}

struct search {
	const struct image_version *version; /* of it, or (is_other) of any but it */
	bool is_other, is_found;
	const char *but; /* a name that is not meant; NULL */
	int left;
	struct image_version found;
	char name[ESP_NAME];
};

static bool look(void *arg, const char *name, const struct image_version *v, int left)
{
	struct search *s = arg;
	bool is_same = image_version_cmp(v, s->version) == 0;

	if (is_same == s->is_other || (s->but && strcmp(name, s->but) == 0))
		return true;
	if (s->is_found && (s->is_other ? image_version_cmp(v, &s->found) <= 0 : left <= s->left))
		return true;
	s->is_found = true;
	s->left = left;
	s->found = *v;
	memcpy(s->name, name, strlen(name) + 1); /* esp_name_parse takes no longer one */
	return true;
}

static int sync_folder(int programs)
{
	return fsync(programs) < 0 ? ERR_IO : 0;
}

/* Linux gives a renamed file on FAT a new entry that is empty, and writes its first cluster and size into it with the file, not with the
 * folder (vfat_rename): without this a cut within the next half minute leaves a program of no bytes and no way to start. */
static int rename_synced(int programs, const char *from, const char *to)
{
	if (renameat(programs, from, programs, to) < 0)
		return ERR_IO;
	int fd = openat(programs, to, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 || fsync(fd) < 0 ? ERR_IO : 0;
	if (fd >= 0)
		(void)close(fd); /* synced */
	return rc ? rc : sync_folder(programs);
}

int esp_left(int programs, const struct image_version *version)
{
	struct search s = { .version = version };
	int rc = each(programs, look, &s);

	return rc ? rc : !s.is_found ? ERR_NOT_FOUND : s.left < 0 ? 0 : s.left;
}

int esp_name_of(int programs, const struct image_version *version, char name[ESP_NAME])
{
	struct search s = { .version = version };
	int rc = each(programs, look, &s);

	if (rc || !s.is_found)
		return rc ? rc : ERR_NOT_FOUND;
	memcpy(name, s.name, sizeof s.name);
	return 0;
}

bool esp_other(int programs, const struct image_version *but, struct image_version *out)
{
	struct search s = { .version = but, .is_other = true };

	if (each(programs, look, &s) || !s.is_found)
		return false;
	*out = s.found;
	return true;
}

/* Removes what the search finds until nothing is left. */
static int remove_all(int programs, struct search s)
{
	for (;;) {
		s.is_found = false;
		int rc = each(programs, look, &s);
		if (rc || !s.is_found)
			return rc ? rc : sync_folder(programs);
		if (unlinkat(programs, s.name, 0) < 0)
			return ERR_IO;
	}
}

int esp_set(int programs, const struct image_version *version, unsigned left)
{
	struct search s = { .version = version };
	char text[IMAGE_VERSION_TEXT], wanted[ESP_NAME];
	int rc = each(programs, look, &s);

	if (rc || !s.is_found)
		return rc ? rc : ERR_NOT_FOUND;
	image_version_text(version, text);
	esp_name_put(text, left, wanted);
	if (s.left == (int)left)
		memcpy(wanted, s.name, sizeof wanted); /* with the count of failures: it is evidence */
	else if ((rc = rename_synced(programs, s.name, wanted)) != 0)
		return rc;
	return remove_all(programs, (struct search){ .version = version, .but = wanted });
}

int esp_keep_only(int programs, const struct image_version *version)
{
	return remove_all(programs, (struct search){ .version = version, .is_other = true });
}

int esp_add(int programs, const char *from, const struct image_version *version, unsigned left)
{
	char text[IMAGE_VERSION_TEXT], wanted[ESP_NAME];

	image_version_text(version, text);
	esp_name_put(text, left, wanted);
	int rc = sync_folder(programs);
	return rc ? rc : rename_synced(programs, from, wanted);
}

/* ---- the security floor ---- */

static const char floor_prefix[] = "gatehouse-floor-";

static bool read_floor(const char *name, struct image_version *v)
{
	size_t n = sizeof floor_prefix - 1;

	return strncmp(name, floor_prefix, n) == 0 && image_version_parse(bytes_of(name + n), v) == 0;
}

int esp_floor(int programs, struct image_version *out)
{
	struct image_version v, highest = { { 0 } };
	DIR *d = open_folder(programs);

	if (!d)
		return ERR_IO;
	for (const struct dirent *e; (e = readdir(d));)
		if (read_floor(e->d_name, &v) && image_version_cmp(&v, &highest) > 0)
			highest = v;
	(void)closedir(d); /* read only */
	*out = highest;
	return 0;
}

static int add_floor(int programs, const struct image_version *floor)
{
	char text[IMAGE_VERSION_TEXT], name[ESP_NAME];

	image_version_text(floor, text);
	snprintf(name, sizeof name, "%s%s", floor_prefix, text);
	int fd = openat(programs, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 || fsync(fd) < 0 ? ERR_IO : sync_folder(programs);
	if (fd >= 0)
		(void)close(fd); /* synced */
	return rc;
}

static int drop_floors_below(int programs, const struct image_version *floor)
{
	DIR *d = open_folder(programs);
	struct image_version v;
	int rc = d ? 0 : ERR_IO;

	for (const struct dirent *e; !rc && (e = readdir(d));)
		if (read_floor(e->d_name, &v) && image_version_cmp(&v, floor) < 0 && unlinkat(programs, e->d_name, 0) < 0)
			rc = ERR_IO;
	if (d)
		(void)closedir(d); /* read only */
	return rc ? rc : sync_folder(programs);
}

int esp_floor_raise(int programs, const struct image_version *floor)
{
	struct image_version now;
	int rc = esp_floor(programs, &now);

	if (rc || image_version_cmp(floor, &now) <= 0)
		return rc;
	rc = add_floor(programs, floor);
	return rc ? rc : drop_floors_below(programs, floor);
}
