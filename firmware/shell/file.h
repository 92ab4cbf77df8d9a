/* file.h - files that gh-conf has for the person (OPER_FILE): a backup, a certificate request, a capture. */
#ifndef SHELL_FILE_H
#define SHELL_FILE_H

#include "base/bytes.h"

#include <stddef.h>

/* Writes it into the folder that ghsh is in, mode 0600, on disk when this returns, never over what is there. text: what to tell the
 * person, in any case. ERR_PROTOCOL: a name with a slash, a leading dot or control bytes, which gh-conf never sends; ERR_EXISTS;
 * ERR_IO: then nothing of it is left. */
int file_save(struct bytes name, struct bytes content, char *text, size_t n);

#endif
