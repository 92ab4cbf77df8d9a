#include "disk.h"

#include "base/log.h"
#include "run/tpm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int said(int rc, const char *what)
{
	if (rc < 0)
		fprintf(stderr, "gh-disk: %s: %s\n", what, strerror(-rc));
	return rc;
}

/* The mount unit's name for a device that is called otherwise on each machine. */
static int leave_link(const char *folder, const char *name, const char *device)
{
	char path[256];

	snprintf(path, sizeof path, "%.200s/%s", folder, name);
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return symlink(device, path) < 0 ? -errno : 0;
}

/* Firmware that has a TPM says so in a table; its driver may be later than the disk's. */
static struct tpm *find_tpm(void)
{
	struct tpm *tpm = NULL;

	if (access("/sys/firmware/acpi/tables/TPM2", F_OK) == 0 && disk_wait("/dev/tpmrm0") == 0 && tpm_open(NULL, &tpm) == 0)
		return tpm;
	return NULL;
}

static const char *reason(int rc)
{
	return rc == -ENOKEY   ? "its key is sealed to a TPM that is not in this machine, or that was cleared" :
	       rc == -EUCLEAN ? "its file system is damaged beyond what can be mended by itself" :
				 strerror(-rc);
}

/* For erase_ask. */
static void leave_reason(const char *folder, int rc)
{
	char path[256];

	snprintf(path, sizeof path, "%.200s/why", folder);
	FILE *out = fopen(path, "we");
	if (!out)
		return;
	fputs(reason(rc), out);
	fclose(out);
}

/* The partition is open, with files on it, and its link stands. */
static int ready(const char *folder, const char *disk, unsigned number, const char *name, bool is_spendable, struct tpm *tpm)
{
	char device[DISK_PATH], path[DISK_PATH], label[DISK_PATH];

	snprintf(label, sizeof label, "gatehouse-%.40s", name);
	disk_partition(disk, number, device);
	int rc = encryption_open(device, label, tpm, path);
	if (rc == -ENOKEY && is_spendable)
		rc = encryption_make(device, label, tpm, path);
	if (rc == 0)
		rc = volume_ready(path, label, is_spendable);
	return rc == 0 ? leave_link(folder, name, path) : rc;
}

static int prepare(const char *folder)
{
	char disk[DISK_PATH], esp[DISK_PATH];
	int rc = disk_of_root(disk);

	if (said(rc, "the disk of this start") < 0 || said(table_complete(disk), "the partition table") < 0)
		return EXIT_FAILURE;
	struct tpm *tpm = find_tpm();
	disk_partition(disk, ESP_NUMBER, esp);
	rc = said(ready(folder, disk, DATA_NUMBER, "data", false, tpm), "the data partition");
	if (rc < 0)
		leave_reason(folder, rc);
	else {
		(void)said(esp_mend(esp), "the boot partition"); /* said; the box starts */
		rc = said(leave_link(folder, "esp", esp), "esp");
	}
	/* A log partition that is beyond repair costs the logs, not the box: without it they go to the data partition. */
	if (rc == 0)
		(void)said(ready(folder, disk, LOG_NUMBER, "log", true, tpm), "the log partition"); /* said; the box starts */
	tpm_close(tpm);
	if (rc == 0)
		(void)said(chosen_tell(folder), "the boot menu's choice"); /* said; an ordinary start */
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int ask(const char *folder)
{
	char path[256], why[256] = "the journal says why";

	snprintf(path, sizeof path, "%.200s/why", folder);
	FILE *in = fopen(path, "re");
	if (in && !fgets(why, sizeof why, in))
		why[0] = 0;
	if (in)
		fclose(in);
	int rc = erase_ask(why);
	return rc == 0 || rc == -ECANCELED ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	log_open("gh-disk", 0, LOG_LEVEL_INFO);
	if (argc == 2)
		return prepare(argv[1]);
	if (argc == 3 && strcmp(argv[1], "--ask") == 0)
		return ask(argv[2]);
	fprintf(stderr, "usage: gh-disk FOLDER          makes the data and log partitions ready\n"
			"       gh-disk --ask FOLDER    asks whether they shall be made new, after they could not\n");
	return 2;
}
