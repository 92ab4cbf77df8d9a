/* conf_text.h - settings as plain text: lines "set PATH VALUE", comments, nothing else. What is
 * printed reads back to equal rows, and printing those gives the same bytes. */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include "rows.h"

struct aside;

struct conf_text_error {
	unsigned line;
	char text[256]; /* "line 3: federation mode: off|allow-list|open" */
};

enum { CONF_TEXT_MAX = 64 << 20 };

/* Adds the rows of the text to `out`. All or nothing is the caller's business (parse into a fresh
 * set). A path that is set twice in one text is an error (ERR_EXISTS): neither wins. */
int conf_text_parse(struct bytes text, struct rows *out, struct conf_text_error *error);
/* The same for a text of another version: a line that sets what is not known here, or not with that value, is no error and
 * goes to `aside` (aside.h). */
int conf_text_parse_aside(struct bytes text, struct rows *out, struct aside *aside, struct conf_text_error *error);
void conf_text_print(const struct rows *r, struct buf *out);
/* A value as a person may see it: secrets hidden, PEM bodies as a size. */
void conf_text_put_value(const struct row_item *item, struct buf *out);

#endif
