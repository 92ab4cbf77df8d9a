#include "disk.h"

#include <errno.h>
#include <libfdisk/libfdisk.h>
#include <stdbool.h>
#include <stdio.h>

/* Logs get an eighth of what is free, within bounds; data the rest. */
enum { LOG_SHARE = 8 };
static const uint64_t mib = 1 << 20, log_min_mib = 256, log_max_mib = 16384, growth_min_mib = 64;

static bool has_partition(struct fdisk_context *c, size_t number)
{
	return fdisk_is_partition_used(c, number - 1);
}

static uint64_t free_bytes(struct fdisk_context *c)
{
	struct fdisk_table *spaces = NULL;
	uint64_t most = 0;

	if (fdisk_get_freespaces(c, &spaces) < 0)
		return 0;
	for (size_t i = 0; i < fdisk_table_get_nents(spaces); i++) {
		struct fdisk_partition *p = fdisk_table_get_partition(spaces, i);
		if (fdisk_partition_has_size(p) && fdisk_partition_get_size(p) > most)
			most = fdisk_partition_get_size(p);
	}
	fdisk_unref_table(spaces);
	return most * fdisk_get_sector_size(c);
}

static uint64_t log_bytes(uint64_t free)
{
	uint64_t share = free / LOG_SHARE / mib;

	share = share < log_min_mib ? log_min_mib : share > log_max_mib ? log_max_mib : share;
	return share * mib;
}

/* bytes 0: all that is left. */
static int add(struct fdisk_context *c, size_t number, const char *name, uint64_t bytes)
{
	struct fdisk_parttype *type =
		fdisk_label_parse_parttype(fdisk_get_label(c, NULL), "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
	struct fdisk_partition *p = fdisk_new_partition();
	int rc = !type || !p ? -ENOMEM : 0;

	if (rc == 0) {
		fdisk_partition_set_partno(p, number - 1);
		fdisk_partition_set_type(p, type);
		fdisk_partition_set_name(p, name);
		fdisk_partition_start_follow_default(p, 1);
		if (bytes)
			fdisk_partition_set_size(p, bytes / fdisk_get_sector_size(c));
		else
			fdisk_partition_end_follow_default(p, 1);
		rc = fdisk_add_partition(c, p, NULL);
	}
	fdisk_unref_partition(p);
	fdisk_unref_parttype(type);
	return rc;
}

/* The data partition is the last one: what is free behind it came with a larger disk. */
static uint64_t free_behind_last(struct fdisk_context *c)
{
	struct fdisk_partition *p = NULL;
	uint64_t end = 0, last = fdisk_get_last_lba(c);

	if (fdisk_get_partition(c, DATA_NUMBER - 1, &p) < 0)
		return 0;
	if (fdisk_partition_has_end(p))
		end = fdisk_partition_get_end(p);
	fdisk_unref_partition(p);
	return end && last > end ? (last - end) * fdisk_get_sector_size(c) : 0;
}

/* Its size is said: libfdisk 2.38's "to the end" leaves the end of a partition that is there where it was. */
static int stretch_last(struct fdisk_context *c)
{
	const uint64_t step = mib / fdisk_get_sector_size(c);
	struct fdisk_partition *now = NULL, *p = fdisk_new_partition();
	int rc = p ? fdisk_get_partition(c, DATA_NUMBER - 1, &now) : -ENOMEM;

	if (rc == 0)
		rc = fdisk_partition_set_size(p, (fdisk_get_last_lba(c) + 1 - fdisk_partition_get_start(now)) / step * step);
	if (rc == 0)
		rc = fdisk_set_partition(c, DATA_NUMBER - 1, p);
	fdisk_unref_partition(now);
	fdisk_unref_partition(p);
	return rc;
}

static int complete(struct fdisk_context *c)
{
	struct fdisk_table *before = NULL;
	bool has_both = has_partition(c, LOG_NUMBER) && has_partition(c, DATA_NUMBER);
	if (has_both && free_behind_last(c) < growth_min_mib * mib)
		return 0;
	int rc = fdisk_get_partitions(c, &before);
	if (rc < 0)
		return rc;
	if (!has_partition(c, LOG_NUMBER))
		rc = add(c, LOG_NUMBER, "gatehouse-log", log_bytes(free_bytes(c)));
	if (rc == 0 && !has_partition(c, DATA_NUMBER))
		rc = add(c, DATA_NUMBER, "gatehouse-data", 0);
	if (rc == 0 && has_both)
		rc = stretch_last(c);
	if (rc == 0)
		rc = fdisk_write_disklabel(c);
	if (rc == 0) /* the kernel hears of the new ones alone: the others are in use */
		rc = fdisk_reread_changes(c, before);
	fdisk_unref_table(before);
	return rc;
}

int table_complete(const char *disk)
{
	char path[DISK_PATH + 8];
	struct fdisk_context *c = fdisk_new_context();

	if (!c)
		return -ENOMEM;
	snprintf(path, sizeof path, "/dev/%s", disk);
	int rc = disk_wait(path);
	if (rc == 0)
		rc = fdisk_assign_device(c, path, 0);
	if (rc == 0) {
		rc = fdisk_is_labeltype(c, FDISK_DISKLABEL_GPT) ? complete(c) : -EINVAL;
		/* Not synced by libfdisk's own way: that would make the kernel read the whole table again. */
		fdisk_deassign_device(c, 1);
	}
	fdisk_unref_context(c);
	return rc;
}
