/* backup.h - gh-store's part of backup and restore (run/backup.h).
 *
 * Out: the database is copied to a file beside it while work goes on; the copy is read in pieces and deleted.
 * In: pieces go to a file beside the database; once it is whole it is opened, brought to our schema and closed, and
 * "restore.id" names the restore that it is of. DECIDE, before anybody is served, puts it in the database's place. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "store.h"

struct store_backup {
	struct store *store;
	struct db_copy *copy;
	int fd;          /* of the copy being read, or the file being written; -1 */
	bool is_writing;
	bool is_serving; /* the first settings have come */
};

void store_backup_init(struct store_backup *b, struct store *s);
/* The bus handler of BACKUP_ASK. */
int store_backup_on_ask(struct store_backup *b, struct chan *from, const struct frame *f);

#endif
