/* archive_form.h - a question to an archive as it came (XEP-0313 4, XEP-0059, XEP-0004). Pure but for the ids, which are ours to read. */
#ifndef IM_ARCHIVE_FORM_H
#define IM_ARCHIVE_FORM_H

#include "im.h"

enum { ARCHIVE_PAGE_USUAL = 50, ARCHIVE_IDS_MAX = 100, ARCHIVE_NAMED_MAX = 4, ARCHIVE_QUERYID_MAX = 256 };

struct archive_form {
	uint64_t from, to;           /* ids between which all must lie; not in it */
	uint64_t after, before;      /* where the page begins or ends; not in it */
	bool is_down;                /* the page is the last one there */
	bool is_flipped;             /* sent newest first */
	bool has_ids;                /* these, and no other condition */
	uint8_t n_ids, n_named;
	uint64_t ids[ARCHIVE_IDS_MAX];
	uint64_t named[ARCHIVE_NAMED_MAX]; /* ids in the question that must be there */
	uint32_t max;
	struct bytes peer, resource; /* in the arena; may be empty */
	struct bytes text;           /* words to search */
	struct bytes queryid;        /* may be empty */
};

/* ERR_SYNTAX, ERR_UNSUPPORTED (a field that we do not know, an index), ERR_NOT_FOUND (an id that is none of ours), ERR_LIMIT. */
int archive_form_read(struct im *im, const struct xml_node *query, struct archive_form *out);
/* Which fields there are (XEP-0313 4.1.5). */
void archive_form_write(struct buf *b, bool has_search);

#endif
