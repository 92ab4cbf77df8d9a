/* hold.h - asks that came before there is a database to carry them out on: they wait in their order. They are no more than their askers have
 * under way (core/im/ask.h), and when an asker goes, its own go. */
#ifndef STORE_HOLD_H
#define STORE_HOLD_H

#include "store.h"

struct hold {
	struct list asks;
	size_t bytes;
	unsigned n;
};

void hold_init(struct hold *h);
/* ERR_NOMEM; ERR_FULL: more than any asker has. */
int hold_put(struct hold *h, struct chan *from, const struct frame *f);
/* Those of an asker that is gone. */
void hold_drop(struct hold *h, enum prog of);
/* Carries them out. */
void hold_play(struct hold *h, struct store *s);

#endif
