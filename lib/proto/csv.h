/* proto/csv.h - rows of comma-separated values (RFC 4180), also from a text that comes in pieces. A line ends with CR LF, LF or CR; a
 * quoted field may have line ends in it. Pure: a row's fields lie in the reader's own memory. */
#ifndef PROTO_CSV_H
#define PROTO_CSV_H

#include "base/buf.h"

enum { CSV_COLUMNS_MAX = 16 };

struct csv {
	struct bytes rest;   /* what has not been read */
	bool is_last;        /* nothing follows `rest` */
	bool is_skipping;    /* the line that `rest` begins with belongs to a row that was refused */
	unsigned line, next_line; /* of the row; of what follows it */
	size_t row_max;      /* bytes of a row as it stands */
	struct buf text;     /* the fields of the row, one behind the other */
	struct bytes fields[CSV_COLUMNS_MAX];
	size_t n;
	const char *why;     /* of the last refusal */
};

/* text: the caller's, as long as it is read. line: its number in the file. */
void csv_init(struct csv *c, struct bytes text, bool is_last, unsigned line, size_t row_max);
/* At the front of a file: the byte order mark of spreadsheets is no part of the first field. */
void csv_pass_mark(struct csv *c);
void csv_fini(struct csv *c);
/* The next row: fields and n, until the next call. A line without anything is a row of one empty field.
 * ERR_NOT_FOUND: there is nothing more. ERR_TRUNCATED: `rest` begins a row, or a line end, that is not all here (never when is_last, nor when more than
 * row_max is here). ERR_SYNTAX, ERR_LIMIT: the row is none, why says it; what follows its first line comes next. */
int csv_row(struct csv *c);

/* One field and what follows it, ',' or '\n'; in quotes where it has to be. */
void csv_put(struct buf *out, struct bytes field, char end);

#endif
