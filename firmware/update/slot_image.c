#include "slot_image.h"

#include "base/err.h"
#include "esp.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <unistd.h>

static const char esp_name[] = "esp", program_new[] = "upgrade.new", boot_folder[] = "/usr/lib/gatehouse/boot";
/* Partition numbers (docs/architecture/image.md) */
enum { OS_RELEASE_LINE = 256 };
enum { NUMBER_ROOT = 2, PER_SLOT = 2, DISK_BYTES = 64, UKI_MIB = 128, ROOT_MIB = 2048, HASH_MIB = 32 };

/* ---- as root ---- */

/* /sys/block/dm-0/slaves/vda2 -> .../vda/vda2: the disk, and the partition's number. */
static int find_disk(char disk[DISK_BYTES], unsigned *slot)
{
	char real[PATH_MAX];
	unsigned number;
	glob_t found;

	if (glob("/sys/block/dm-0/slaves/*", 0, NULL, &found) != 0)
		return ERR_NOT_FOUND;
	bool is_real = realpath(found.gl_pathv[0], real) != NULL; /* data and hash are of one slot: either will do */
	globfree(&found);
	char *partition = is_real ? strrchr(real, '/') : NULL;
	if (!partition)
		return ERR_NOT_FOUND;
	const char *digits = partition + strlen(partition);
	while (digits > partition && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	number = (unsigned)strtoul(digits, NULL, 10);
	*partition = 0;
	const char *name = strrchr(real, '/');
	if (!name || number < NUMBER_ROOT || number >= NUMBER_ROOT + SLOTS * PER_SLOT || strlen(name + 1) + 8 > DISK_BYTES)
		return ERR_NOT_FOUND;
	*slot = (number - NUMBER_ROOT) / PER_SLOT;
	snprintf(disk, DISK_BYTES, "%.50s", name + 1);
	return 0;
}

static void device_of(const char *disk, unsigned number, char path[DISK_BYTES + 16])
{
	char last = disk[strlen(disk) - 1];

	snprintf(path, DISK_BYTES + 16, "/dev/%s%s%u", disk, last >= '0' && last <= '9' ? "p" : "", number);
}

/* Nobody else may have the spare slot: O_EXCL of a device says so. */
static int open_spare(struct slot_image *s, const char *disk)
{
	unsigned spare = 1u - s->booted;
	char path[DISK_BYTES + 16];

	for (unsigned i = 0; i < PER_SLOT; i++) {
		device_of(disk, NUMBER_ROOT + spare * PER_SLOT + i, path);
		s->files.slots[spare][i == 0 ? PART_ROOT : PART_HASH] = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	}
	return s->files.slots[spare][PART_ROOT] < 0 || s->files.slots[spare][PART_HASH] < 0 ? ERR_SYS : 0;
}

/* systemd mounts it below our own folder, as our own (data-gatehouse-update-esp.mount): then the fence needs no hole for it. */
static int prepare_esp(struct slot_image *s, int folder)
{
	struct statfs fs;
	int esp = openat(folder, esp_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_there = esp >= 0 && fstatfs(esp, &fs) == 0 && fs.f_type == MSDOS_SUPER_MAGIC;
	int rc = is_there ? boot_files_prepare(&s->boot, boot_folder, esp) : ERR_NOT_FOUND;

	if (esp >= 0)
		(void)close(esp); /* a folder */
	return rc;
}

/* What stands behind a key ("ID=") of os-release(5). "": it is not there. */
static struct bytes os_release(const char *key, char line[static OS_RELEASE_LINE])
{
	FILE *f = fopen("/usr/lib/os-release", "re");
	size_t n = strlen(key);
	bool is_found = false;

	while (f && !is_found && fgets(line, OS_RELEASE_LINE, f))
		is_found = strncmp(line, key, n) == 0;
	if (f)
		(void)fclose(f); /* read only */
	return is_found ? bytes_make((const uint8_t *)line + n, strcspn(line + n, "\n")) : BYTES_NONE;
}

bool slot_image_is_here(void)
{
	char line[OS_RELEASE_LINE];

	return bytes_eq_str(os_release("ID=", line), "gatehouse");
}

/* The image's, whatever the programs' own. */
static int read_version(struct image_version *v)
{
	char line[OS_RELEASE_LINE];

	return image_version_parse(os_release("VERSION_ID=", line), v);
}

int slot_image_prepare(struct slot_image *s, int folder)
{
	char disk[DISK_BYTES];

	*s = (struct slot_image){ .esp = -1, .programs = -1 };
	slot_files_none(&s->files);
	int rc = find_disk(disk, &s->booted);
	rc = rc ? rc : read_version(&s->version);
	rc = rc ? rc : open_spare(s, disk);
	return rc ? rc : prepare_esp(s, folder);
}

/* ---- what the boot loader takes ---- */

/* The table is stored for other reasons too, as when what runs is found good: a file that is being written stays as it is. */
static int open_program(struct slot_image *s, const struct slot *other)
{
	int *fd = &s->files.slots[1u - s->booted][PART_UKI];
	bool is_new = other->chunks_done == 0;

	if (*fd >= 0 && memcmp(s->program_id, other->id, sizeof s->program_id) == 0)
		return 0;
	if (*fd >= 0)
		(void)close(*fd); /* another file begins */
	*fd = openat(s->programs, program_new, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (is_new ? O_TRUNC : 0), 0600);
	memcpy(s->program_id, other->id, sizeof s->program_id);
	return *fd < 0 ? ERR_IO : 0;
}

/* Verified and on the medium: it gets its name. One that is there already keeps its file. */
static int put_program(struct slot_image *s, const struct image_version *v, unsigned left)
{
	int *fd = &s->files.slots[1u - s->booted][PART_UKI];
	int rc;

	if (esp_left(s->programs, v) >= 0)
		return esp_set(s->programs, v, left);
	if (*fd < 0 || fsync(*fd) < 0)
		return ERR_IO;
	rc = esp_add(s->programs, program_new, v, left);
	(void)close(*fd); /* synced */
	*fd = -1;
	return rc;
}

/* The boot loader takes the highest version that has tries: one that is not to be taken has none. */
static unsigned tries_of(const struct slot_table *t, unsigned slot)
{
	bool is_in_the_way = slot != t->preferred && image_version_cmp(&t->slots[slot].version, &t->slots[t->preferred].version) > 0;

	return is_in_the_way ? 0 : t->slots[slot].tries;
}

static int boot(void *arg, const struct slot_table *t)
{
	struct slot_image *s = arg;
	unsigned spare = 1u - s->booted;
	const struct slot *other = &t->slots[spare];

	if (esp_floor_raise(s->programs, &t->floor))
		return ERR_IO;
	if (other->state != SLOT_READY) { /* before its first byte is overwritten it must not boot */
		int rc = esp_keep_only(s->programs, &s->version);
		if (!rc && other->state == SLOT_WRITING)
			rc = open_program(s, other);
		return rc ? rc : esp_set(s->programs, &s->version, tries_of(t, s->booted));
	}
	int rc = put_program(s, &other->version, tries_of(t, spare));
	return rc ? rc : esp_set(s->programs, &s->version, tries_of(t, s->booted));
}

int slot_image_open(struct slot_image *s, int folder, struct slot_disk *disk)
{
	s->esp = openat(folder, esp_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->programs = openat(folder, "esp/EFI/Linux", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->files.room[PART_UKI] = (uint64_t)UKI_MIB << 20;
	s->files.room[PART_ROOT] = (uint64_t)ROOT_MIB << 20;
	s->files.room[PART_HASH] = (uint64_t)HASH_MIB << 20;
	int rc = s->esp < 0 || s->programs < 0 ? ERR_IO : slot_files_table(&s->files, folder, disk);
	disk->arg = s;
	disk->boot = boot;
	return rc;
}

/* ---- the table as the disk has it ---- */

static void reconcile_booted(const struct slot_image *s, struct slot_table *t)
{
	struct slot *run = &t->slots[s->booted];
	int left = esp_left(s->programs, &s->version);

	if (run->state != SLOT_READY || image_version_cmp(&run->version, &s->version) != 0) /* power was cut before the table said it */
		*run = (struct slot){ .state = SLOT_READY, .version = s->version, .floor = run->floor };
	run->tries = left > 0 ? (uint8_t)left : 0;
	t->booted = (uint8_t)s->booted;
}

static void reconcile_spare(const struct slot_image *s, struct slot_table *t)
{
	struct slot *other = &t->slots[1u - s->booted];
	struct image_version v;
	bool is_there = esp_other(s->programs, &s->version, &v);

	if (!is_there) {
		if (other->state == SLOT_READY)
			*other = (struct slot){ .state = SLOT_EMPTY };
		return;
	}
	/* A program is there only once all of its slot has been verified. */
	if (other->state != SLOT_READY || image_version_cmp(&other->version, &v) != 0)
		*other = (struct slot){ .state = SLOT_READY, .version = v, .floor = other->floor, .is_good = other->state == SLOT_EMPTY };
	int left = esp_left(s->programs, &v);
	other->tries = left > 0 ? (uint8_t)left : 0;
}

/* The table may be new; the boot partition's word stays (esp_floor). Unreadable: then the next boot call fails, and says so. */
static void reconcile_floor(const struct slot_image *s, struct slot_table *t)
{
	struct image_version v;

	if (esp_floor(s->programs, &v) == 0 && image_version_cmp(&v, &t->floor) > 0)
		t->floor = v;
}

void slot_image_reconcile(const struct slot_image *s, bool has_table, struct slot_table *t)
{
	if (!has_table) {
		*t = (struct slot_table){ .preferred = (uint8_t)s->booted, .booted = (uint8_t)s->booted };
		t->slots[s->booted] = (struct slot){ .state = SLOT_READY, .is_good = true, .version = s->version };
	}
	reconcile_booted(s, t);
	reconcile_spare(s, t);
	reconcile_floor(s, t);
	if (t->slots[t->preferred].state != SLOT_READY)
		t->preferred = t->booted;
}

int slot_image_renew(struct slot_image *s, unsigned *changed)
{
	return boot_files_renew(&s->boot, s->esp, s->programs, &s->version, changed);
}

void slot_image_close(struct slot_image *s)
{
	slot_files_close(&s->files);
	boot_files_close(&s->boot);
	if (s->esp >= 0)
		(void)close(s->esp); /* a folder */
	if (s->programs >= 0)
		(void)close(s->programs); /* a folder */
}
