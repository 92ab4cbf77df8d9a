#include "boot_files.h"

#include "base/err.h"
#include "esp.h"
#include "esp_renew.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *source, *folder, *name;
} files[BOOT_FILES] = {
	[BOOT_LOADER] = { "boot.efi", "EFI/BOOT", "BOOTX64.EFI" },
	[BOOT_SETTINGS] = { "loader.conf", "loader", "loader.conf" },
};
/* Its file's name is what the system hears of the choice (image/entry/variable.c). */
static const struct {
	const char *name, *title;
} entries[] = {
	{ "factory-reset.conf", "Factory reset (asks before it does anything)" },
	{ "lost-password.conf", "New password for admin (settings and data stay)" },
};
static const char programs_folder[] = "EFI/gatehouse", entries_folder[] = "loader/entries";

int boot_files_prepare(struct boot_files *b, const char *folder, int esp)
{
	static const char *const wanted[] = { programs_folder, entries_folder };
	int top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; i < BOOT_FILES; i++)
		b->from[i] = top < 0 ? -1 : openat(top, files[i].source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (top >= 0)
		(void)close(top); /* a folder */
	for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (mkdirat(esp, wanted[i], 0700) < 0 && errno != EEXIST)
			return ERR_SYS;
	return 0;
}

void boot_files_close(struct boot_files *b)
{
	for (unsigned i = 0; i < BOOT_FILES; i++) {
		if (b->from[i] >= 0)
			(void)close(b->from[i]); /* read only */
		b->from[i] = -1;
	}
}

static int open_in(int esp, const char *path)
{
	int fd = openat(esp, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? ERR_NOT_FOUND : fd;
}

static int renew(int esp, const char *path, const char *name, int from, unsigned *changed)
{
	bool is_new = false;
	int folder = open_in(esp, path);
	int rc = folder < 0 ? folder : esp_renew(folder, name, from, &is_new);

	if (folder >= 0)
		(void)close(folder); /* synced */
	*changed += !rc && is_new;
	return rc;
}

/* ---- the program that the entries name ---- */

/* It has its name once it is whole: one that is there is not compared, which would read the program twice at each start. */
static int copy_program(int esp, int programs, const struct image_version *version, const char *name, unsigned *changed)
{
	char source[ESP_NAME];
	struct stat st;
	int folder = open_in(esp, programs_folder);
	int rc = folder < 0 ? folder : 0, from = -1;

	if (!rc && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		goto out;
	if (!rc)
		rc = esp_name_of(programs, version, source);
	if (!rc && (from = openat(programs, source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		rc = ERR_IO;
	if (!rc && (rc = esp_renew(folder, name, from, NULL)) == 0)
		++*changed;
out:
	if (from >= 0)
		(void)close(from); /* read only */
	if (folder >= 0)
		(void)close(folder); /* synced */
	return rc;
}

/* Copies of versions before, and what a cut left. No entry names them any more. */
static int drop_others(int esp, const char *but)
{
	int folder = open_in(esp, programs_folder);
	DIR *d = folder < 0 ? NULL : fdopendir(folder);
	int rc = d ? 0 : ERR_IO;

	if (!d && folder >= 0)
		(void)close(folder); /* read only */
	for (const struct dirent *e; !rc && d && (e = readdir(d));)
		if (e->d_name[0] != '.' && strcmp(e->d_name, but) != 0 && unlinkat(dirfd(d), e->d_name, 0) < 0)
			rc = ERR_IO;
	if (d && !rc && fsync(dirfd(d)) < 0)
		rc = ERR_IO;
	if (d)
		(void)closedir(d); /* synced */
	return rc;
}

/* ---- entries ---- */

/* Without options and without a counter: the signed program has its command line in itself. */
static int put_entry(int esp, unsigned i, const char *program, unsigned *changed)
{
	char text[256];
	int n = snprintf(text, sizeof text, "title %s\nefi /%s/%s\n", entries[i].title, programs_folder, program);
	int folder = open_in(esp, entries_folder);

	if (folder < 0)
		return folder;
	int from = openat(folder, "entry.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = from < 0 || write(from, text, (size_t)n) != n ? ERR_IO : renew(esp, entries_folder, entries[i].name, from, changed);
	if (from >= 0)
		(void)close(from); /* it goes */
	if (!rc && unlinkat(folder, "entry.new", 0) < 0)
		rc = ERR_IO;
	(void)close(folder); /* synced */
	return rc;
}

int boot_files_renew(const struct boot_files *b, int esp, int programs, const struct image_version *version, unsigned *changed)
{
	char text[IMAGE_VERSION_TEXT], program[ESP_RENEW_NAME];
	int rc = 0;

	*changed = 0;
	/* The settings first: they say that none of the further entries is ever taken by itself. */
	for (unsigned i = BOOT_FILES; !rc && i-- > 0;)
		if (b->from[i] >= 0)
			rc = renew(esp, files[i].folder, files[i].name, b->from[i], changed);
	if (rc || b->from[BOOT_SETTINGS] < 0)
		return rc;
	image_version_text(version, text);
	snprintf(program, sizeof program, "%s.efi", text);
	rc = copy_program(esp, programs, version, program, changed);
	for (unsigned i = 0; !rc && i < sizeof entries / sizeof entries[0]; i++)
		rc = put_entry(esp, i, program, changed);
	return rc ? rc : drop_others(esp, program);
}
