/* page.h - lines to the screen, a screenful at a time when a person reads: space goes on, q ends.
 * Built in, since a pager program could start a shell. */
#ifndef SHELL_PAGE_H
#define SHELL_PAGE_H

#include "base/buf.h"

struct page {
	bool is_paged;
	bool is_terminal; /* what is written is made safe for it */
	bool is_over; /* the person has seen enough: the rest is dropped */
	unsigned rows, columns, n_lines;
};

/* is_paged only has an effect on a terminal. */
void page_init(struct page *p, bool is_paged);
/* A line, without its end. */
void page_line(struct page *p, struct bytes line);
/* Text with its own line ends. */
void page_text(struct page *p, struct bytes text);
/* What comes from outside may not move the cursor or change the screen: control characters, those of two bytes (U+0080 to
 * U+009F) and bytes that are no UTF-8 become spaces, so that columns stay. */
void page_put_safe(struct buf *out, struct bytes v);
size_t page_columns(const struct page *p);

#endif
