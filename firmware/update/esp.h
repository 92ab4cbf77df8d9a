/* esp.h - which slot the boot loader takes: programs in the folder EFI/Linux of the ESP, one a version, with the tries left in the
 * name, "gatehouse-VERSION+LEFT[-DONE].efi" (Boot Loader Specification, boot counting). A name at +0 comes last; among the
 * others the highest version is first. All state is in those names; nothing is kept in the firmware's variables. */
#ifndef UPDATE_ESP_H
#define UPDATE_ESP_H

#include "image_head.h"

enum { ESP_NAME = 128, ESP_VERSION = 32 };

/* esp_name.c, pure. False when the name is not one of ours. left: -1 without a counter. */
bool esp_name_parse(const char *name, char version[ESP_VERSION], int *left);
void esp_name_put(const char *version, unsigned left, char name[ESP_NAME]);

/* esp.c. programs: the folder. Each change is on the medium when it returns. Negative ERR_*. */
/* The tries left of a version; ERR_NOT_FOUND. More than one file of it (power was cut between two names): the most. */
int esp_left(int programs, const struct image_version *version);
/* The name of that version's program, the one with the most tries. ERR_NOT_FOUND. */
int esp_name_of(int programs, const struct image_version *version, char name[ESP_NAME]);
/* Another version's program that is there, if any: the highest. */
bool esp_other(int programs, const struct image_version *but, struct image_version *out);
/* Exactly one file of that version, with that counter. */
int esp_set(int programs, const struct image_version *version, unsigned left);
/* All programs of ours go but that version's. */
int esp_keep_only(int programs, const struct image_version *version);
/* The security floor of the box, as the name of an empty file: it outlives a data partition that is made new. 0.0.0: none is there. */
int esp_floor(int programs, struct image_version *out);
/* Never lowers it: the higher name is there before the lower one goes. */
int esp_floor_raise(int programs, const struct image_version *floor);
/* The file `from` of the folder, whole and synced, becomes the program of that version. */
int esp_add(int programs, const char *from, const struct image_version *version, unsigned left);

#endif
