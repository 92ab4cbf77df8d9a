/* boot_files.h - what of the boot partition comes with a version beside its program: the boot loader, its settings, and two further
 * entries of its menu. They lie in the verified root file system, signed where the version's own program is, and are put in place once that
 * version has been found good: by then the firmware has taken its program, so it takes what is signed alike.
 *
 *     EFI/BOOT/BOOTX64.EFI, loader/loader.conf     renewed when they differ
 *     EFI/gatehouse/VERSION.efi                    a copy of the program, with no counter in its name: the entries name it
 *     loader/entries/factory-reset.conf,
 *                    lost-password.conf            which of them was chosen is a variable of the boot loader (image/entry) */
#ifndef UPDATE_BOOT_FILES_H
#define UPDATE_BOOT_FILES_H

#include "image_head.h"

enum boot_file { BOOT_LOADER, BOOT_SETTINGS, BOOT_FILES };

struct boot_files {
	int from[BOOT_FILES]; /* of the root file system; -1: it has none */
};

/* While still root: opens the sources below folder, a path, and makes the folders that are missing below esp. An image without
 * sources is no error: then nothing is renewed. ERR_SYS. */
int boot_files_prepare(struct boot_files *b, const char *folder, int esp);
/* esp: its top folder. programs: EFI/Linux, with the program of that version. Each step is on the medium before the next. A repetition
 * does what is left. *changed: how many files are new. ERR_IO; ERR_NOT_FOUND: the program or a folder is not there. */
int boot_files_renew(const struct boot_files *b, int esp, int programs, const struct image_version *version, unsigned *changed);
void boot_files_close(struct boot_files *b);

#endif
