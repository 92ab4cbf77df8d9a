/* contacts_impl.h - what cmd_contacts.c and contacts_export.c share. */
#ifndef CONF_CONTACTS_IMPL_H
#define CONF_CONTACTS_IMPL_H

#include "conf.h"

enum { CONTACTS_AGAIN_MS = 500, CONTACTS_TRIES = 120 };

/* The work of both begins: one transfer at a time, on a box that keeps people. False: o has been told why not. */
bool contacts_begin(struct conf *c, struct oper *o);
/* gh-im answered with rc: is it on its way back, or still at a piece of a list whose operator has gone? Then `then` is called in a while. */
bool contacts_wait(struct conf *c, int rc, void (*then)(void *conf));
/* A number of a record of gh-im's, or 0. */
uint64_t contacts_number(struct bytes value);

#endif
