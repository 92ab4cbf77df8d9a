/* slot.h - gh-slot: which of the two slots runs, and that it is good. The boot loader counts the tries of a slot in the
 * name of its program on the ESP, "gatehouse-VERSION+LEFT[-DONE].efi" (Boot Loader Specification, boot counting); a
 * name at +0 comes last. Ours is not taken away by the first good start but filled again by each: a slot that is
 * damaged later falls back, too. All state is in those names; nothing is kept in the firmware's variables. */
#ifndef IMAGE_SLOT_H
#define IMAGE_SLOT_H

#include <stdbool.h>
#include <stddef.h>

enum { SLOT_TRIES = 3, SLOT_NAME = 128, SLOT_VERSION = 32 };

/* name.c, pure. A file of the folder EFI/Linux: false when its name is not one of ours. left: -1 without a counter. */
bool slot_name_parse(const char *name, char version[SLOT_VERSION], int *left);
/* The name with a full counter. */
void slot_name_full(const char *version, char name[SLOT_NAME]);

/* healthy.c: everything inside the box works: programs run, the operators' socket answers. Never asks for what is
 * outside. Waits up to wait_s. */
bool slot_is_healthy(unsigned wait_s);

/* esp.c: the programs in folder (EFI/Linux of the mounted ESP). The one of that version gets a full counter; a second
 * file of the same version (power was cut between two names) goes. Negative errno: -ENOENT when there is none. */
int slot_bless(const char *folder, const char *version);

#endif
