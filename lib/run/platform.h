/* run/platform.h - what kind of machine this is: a backup of one kind does not go to the other (G-BKP-01), nor does an
 * upgrade that says so. */
#ifndef RUN_PLATFORM_H
#define RUN_PLATFORM_H

enum { PLATFORM_BYTES = 16 };

/* "virtual" under a hypervisor, else "hardware". Reads /proc: before the fence. Cannot fail. */
void platform_read(char out[static PLATFORM_BYTES]);

#endif
