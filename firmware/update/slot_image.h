/* slot_image.h - the slots of the image: the spare one's partitions, and the programs on the ESP by which the boot loader chooses
 * (esp.h). The partitions are opened while gh-update is still root, the running slot's never; the ESP is mounted below its folder before it
 * starts. What runs is known from the device below the root file system, not from a table. */
#ifndef UPDATE_SLOT_IMAGE_H
#define UPDATE_SLOT_IMAGE_H

#include "update.h"

/* Before the fence: is this the image at all? An appliance made by hand on another system has no slots. */
bool slot_image_is_here(void);
/* Before the fence. ERR_NOT_FOUND: this is not the image's disk, or the ESP is not mounted; ERR_SYS with errno. */
int slot_image_prepare(struct slot_image *s, int folder);
/* After it: the table file of the folder, and the calls. ERR_IO. */
int slot_image_open(struct slot_image *s, int folder, struct slot_disk *disk);
/* The table as the disk says it is: what runs, what tries are left. has_table: it was read; else there was none. */
void slot_image_reconcile(const struct slot_image *s, bool has_table, struct slot_table *t);
/* The version that runs has been found good: the boot loader and its entries become those of this version (boot_files.h). */
int slot_image_renew(struct slot_image *s, unsigned *changed);
void slot_image_close(struct slot_image *s);

#endif
