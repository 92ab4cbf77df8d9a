/* disk.h - gh-disk: the partitions that a fresh disk does not have yet. It runs once at each start, before anything
 * that keeps data, may open disks and tell the kernel of partitions and nothing else, and reads nothing from a network. Every step
 * may be cut by the mains switch and is done again at the next start: a partition that is there is kept, a file system is made only
 * where there is none. systemd mounts what is ready (the .mount units), by the links that gh-disk leaves. */
#ifndef IMAGE_DISK_H
#define IMAGE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_PATH = 64 };

/* boot.c: the disk that this slot was started from: the one below /dev/dm-0. Negative errno. */
int disk_of_root(char disk[DISK_PATH]);
/* The device of a disk's partition: vda 6 -> /dev/vda6, nvme0n1 6 -> /dev/nvme0n1p6. */
void disk_partition(const char *disk, unsigned number, char path[DISK_PATH]);

/* Waits until the device is there and udev has given it to our group. -ENODEV: half a minute was not enough. */
int disk_wait(const char *device);

/* table.c: partitions LOG_NUMBER and DATA_NUMBER exist, the table's second copy stands at the disk's end and the last partition ends
 * there, however large the disk has grown. Negative errno. */
enum { ESP_NUMBER = 1, LOG_NUMBER = 6, DATA_NUMBER = 7 };
int table_complete(const char *disk);

/* encryption.c: opens the partition under the TPM's key, and makes it so when it is empty and there is a TPM (NULL: none). path: what holds
 * the file system: the partition itself when it was made without a TPM. -ENOKEY: sealed to a TPM that is not here or was cleared. Other
 * negative errno. */
struct tpm;
int encryption_open(const char *device, const char *name, struct tpm *tpm, char path[DISK_PATH]);
/* As if it were empty: what is on it is lost. */
int encryption_make(const char *device, const char *name, struct tpm *tpm, char path[DISK_PATH]);

/* erase.c: asks the person at standard input, for a minute, whether the box shall be made new, and does so. 0: done, start again.
 * -ECANCELED: not wanted. Other negative errno. why: shown. */
int erase_ask(const char *why);

/* chosen.c: leaves the file `entry` when something else than an ordinary start was chosen in the boot menu. Negative errno. */
int chosen_tell(const char *folder);

/* esp.c: what the mains switch left on the boot partition is mended. Negative errno: it stays as it is, and the box starts. */
int esp_mend(const char *device);

/* volume.c: a program's exit status when it has ended; negative errno. */
int volume_run(char *const argv[]);
/* An ext4 is on it. Negative errno. */
int volume_has_files(const char *device, bool *answer);
/* A file system is on it: made when there is none, checked, grown to its partition. is_spendable: one that is beyond
 * repair is made new. Negative errno. */
int volume_ready(const char *device, const char *label, bool is_spendable);

#endif
