/* iq/search_form.h - searches for people as they come and go (XEP-0055): the four old elements, and the same and more as a data form.
 * Pure. */
#ifndef IM_SEARCH_FORM_H
#define IM_SEARCH_FORM_H

#include "base/arena.h"
#include "iq/look.h"
#include "proto/xml.h"

struct search_form {
	bool has_form; /* it was asked by one, and is answered by one */
	struct bytes words[DIRECTORY_FIELD_COUNT]; /* patterns in which * stands for anything; "" any. In the arena */
};

/* What may be filled in. is_local: only user names are known. */
void search_form_write(struct buf *b, bool is_local);
/* A word without a * finds what begins with it. ERR_SYNTAX: this is no search. ERR_RANGE: nothing is filled in, or only stars. ERR_LIMIT: a
 * word is longer than DIRECTORY_WORD_MAX. ERR_NOMEM. */
int search_form_read(const struct xml_node *query, bool is_local, struct arena *a, struct search_form *out);
/* The answer: its begin, each person, its end. is_more: not all are in it. */
void search_result_begin(struct buf *b, const struct search_form *f, bool is_local, bool is_more);
void search_result_add(struct buf *b, const struct search_form *f, bool is_local, const struct look_person *p);
void search_result_end(struct buf *b, const struct search_form *f);
/* Does a pattern fit, letters of ASCII in any case? */
bool search_fits(struct bytes pattern, struct bytes text);

#endif
