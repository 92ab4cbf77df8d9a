/* esp_renew.h - a file of the boot partition gets new content: written beside, read back from the medium, put in its place by one rename.
 * Whenever it is cut, the name has the old content or the new one, whole: what the firmware or the boot loader reads always starts. */
#ifndef UPDATE_ESP_RENEW_H
#define UPDATE_ESP_RENEW_H

#include <stdbool.h>

enum { ESP_RENEW_NAME = 64 };

/* name in folder becomes the content of `from`, from its first byte on. *is_new (may be NULL): it was not that already. A file NAME.new
 * of a cut is written over. ERR_IO: a read, a write, or what was read back was not it; ERR_LIMIT: a name too long. The old one is there. */
int esp_renew(int folder, const char *name, int from, bool *is_new);

#endif
