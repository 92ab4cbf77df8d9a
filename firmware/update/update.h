/* update.h - gh-update: takes a signed upgrade file, verifies it while it comes, writes it into the slot that does not run.
 * Unprivileged: it has the slots as descriptors and can write nothing else. */
#ifndef UPDATE_UPDATE_H
#define UPDATE_UPDATE_H

#include "boot_files.h"
#include "install.h"
#include "run/platform.h"
#include "run/proc.h"

/* ---- trust.c ---- */
extern const uint8_t update_trust[IMAGE_KEYS][IMAGE_KEY_BYTES];
extern const bool update_trust_is_development;

/* ---- slot_files.c: slots of a box without partitions: files of our folder. The image brings its own descriptors ---- */
struct slot_files {
	int slots[SLOTS][PART_COUNT], table;
	uint64_t room[PART_COUNT];
};
enum { SLOT_ROOM_MIB = 2048 };
/* Opens or makes them in folder. ERR_IO. */
int slot_files_open(struct slot_files *f, int folder, struct slot_disk *disk);
void slot_files_close(struct slot_files *f);
/* Its parts: nothing is open; only the table file is opened, and the calls for what descriptors there are. ERR_IO. */
void slot_files_none(struct slot_files *f);
int slot_files_table(struct slot_files *f, int folder, struct slot_disk *disk);

/* ---- slot_image.c ---- */
struct slot_image {
	struct slot_files files; /* first: the calls take either. The running slot's parts stay closed */
	int esp, programs;       /* its top, and EFI/Linux of it */
	struct boot_files boot;
	unsigned booted;
	uint8_t program_id[IMAGE_HASH_BYTES]; /* of the upgrade file whose program is open in `files` */
	struct image_version version; /* of what runs */
};

struct update {
	struct proc *proc;
	int folder;
	struct slot_files files; /* a guest's; on the appliance: */
	struct slot_image image;
	struct slot_disk disk;
	struct slot_table table;
	struct install install;
	bool is_installing;
	bool has_slots; /* else an appliance that does not run from the image: nothing of the above is there */
	char platform[PLATFORM_BYTES];
};

/* ---- ask.c ---- */
int on_update_ask(void *program, struct chan *from, const struct frame *f);
void cmd_upgrade_status(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_upgrade_confirm(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_upgrade_rollback(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void update_stop(struct update *u);

#endif
