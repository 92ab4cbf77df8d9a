/* init.h - the program that the kernel starts first: finds the slot's root file system by the hash in the
 * signed command line, puts dm-verity over it, and goes there. It has no shell and asks nobody; whatever fails
 * is said on the console and the machine restarts, so that the boot counter can fall back to the other slot. */
#ifndef IMAGE_INIT_H
#define IMAGE_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_HEX = 64, NAME_BYTES = 16, DEVICE_NAME = 64 };

/* modules.c: reads the list that the build made (its format stands in image/steps/initrd). */
/* Loads what must always be there and what the hardware that is present asks for; again and again it may be
 * called while devices appear. is_first: of the latter only those that image/modules calls so. 0, or a negative errno of the list itself: one module that fails is only said. */
int modules_load(bool is_first);

/* partition.c: the hash tree of that name (the first half of the root hash), on whichever disk: a GPT with a right checksum
 * is asked for. Disks of 4096-byte sectors too. The root file system is in the partition before it. True: both devices. A
 * tree that only claims the name does not pass verity_open. */
bool partition_find(const uint8_t tree[NAME_BYTES], char data[DEVICE_NAME], char hash[DEVICE_NAME]);

/* verity.c: /dev/dm-0 over data and hash device, checked against the root hash (hex); the hash device begins with
 * a superblock as veritysetup(8) writes it. What does not fit makes the kernel panic. Negative errno. */
int verity_open(const char *data, const char *hash, const char *root_hash);

/* group.c: that partition ("/dev/vda2"), its disk and all that is on it may be opened by the group `disk`. What fails is said. */
void group_of_disk(const char *partition);

/* console.c */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
