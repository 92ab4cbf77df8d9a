/* iq/look.h - what gh-im asks gh-dir about people of the directory (DIR_LOOK). */
#ifndef IM_LOOK_H
#define IM_LOOK_H

#include "im.h"
#include "run/directory.h"

struct look_person { /* views, valid during the call */
	struct bytes jid;
	struct bytes fields[DIRECTORY_FIELD_COUNT]; /* empty: it has none */
	struct bytes picture; /* JPEG or PNG; of one person alone; empty: none */
};

struct look_question {
	struct bytes jid; /* of one person; or "": everybody whom all words fit */
	uint16_t limit;
	struct bytes words[DIRECTORY_FIELD_COUNT]; /* empty: any; * stands for anything */
	void (*person)(struct im *im, void *arg, const struct look_person *p);
	/* The last word, always said, perhaps from inside look_ask. rc: 0; ERR_NOT_FOUND; ERR_FULL: too many ask; anything else: the
	 * directory cannot say now. */
	void (*done)(struct im *im, void *arg, int rc, bool is_more);
	void *arg;
};

void look_ask(struct im *im, const struct look_question *q);
/* Handler of the bus. */
int look_on_found(void *im, struct chan *from, const struct frame *f);
/* gh-dir has gone. */
void look_down(struct im *im);

#endif
