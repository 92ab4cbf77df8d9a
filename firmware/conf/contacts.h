/* contacts.h - contacts export, import, rename (D-CEX, D-CIM, D-REN): the operator's file on its way to gh-im and back, in pieces. What
 * a list that is read has come to is kept here, so that gh-im's death in the middle is no more than a pause. */
#ifndef CONF_CONTACTS_H
#define CONF_CONTACTS_H

#include "base/buf.h"
#include "run/loop.h"
#include "transfer.h"

struct contacts {
	/* import, rename */
	bool is_rename;
	size_t word;       /* of the file */
	uint64_t offset;   /* of text in it */
	struct buf text;   /* read, not taken yet */
	bool is_last, is_skipping;
	unsigned line;     /* that text begins with */
	struct buf results; /* as of run/bulk.h */
	size_t told;       /* bytes of them */
	uint64_t done, errors, ignored, unprocessed;
	bool is_open_line; /* what was counted as unprocessed ends inside one */
	struct loop_timer again; /* gh-im is away */
	unsigned tries;
	bool is_repeat;    /* a gh-im that has died may have done a part of it */
	bool is_answered;  /* BULK_FEED's record has come */
	size_t consumed;
	int rc;            /* what ended it early */
	char why[200];
	/* export */
	char file[TRANSFER_NAME_BYTES];
	char who[1024];
	struct buf user, contact; /* where the next page begins */
	struct buf part;
	bool has_more;
	uint64_t lines, left_out;
};

#endif
