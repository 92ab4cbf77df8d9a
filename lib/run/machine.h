/* run/machine.h - the number that a machine has, whatever is installed on it. machine-id(5) asks not to show it: whoever tells
 * others who this machine is hashes it. */
#ifndef RUN_MACHINE_H
#define RUN_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

enum { MACHINE_NUMBER_BYTES = 64 };

/* Its letters, with a NUL; returns how many, 0: it has none. The appliance's root file system is the same everywhere, and its
 * /etc/machine-id new at each start: there the board's number counts (SMBIOS 3.6, 7.2.1). Before the fence. */
size_t machine_number(bool is_appliance, char out[static MACHINE_NUMBER_BYTES]);

#endif
