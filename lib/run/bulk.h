/* run/bulk.h - lists of contacts in files: what gh-conf gives gh-im of them, and what gh-im says of each row.
 *
 * gh-conf asks with the command BULK_FEED: kind ("import", "rename"), the number of the line that the text begins with, "1" when that
 * line belongs to a row that was refused (else ""), "1" when nothing follows the text (else ""), the text. Of a text that is not the last
 * gh-im leaves a row that it has not whole, and what it has not come to after two seconds. It answers with one record: consumed (bytes), line (of what follows), skip (0, 1), done, errors,
 * and results: of each row that is to be told, line u32, enum bulk_result u8, count u32 (lists changed). gh-im keeps nothing of it:
 * a gh-im that has died meanwhile is asked the same again, and rows that are there already are there. */
#ifndef RUN_BULK_H
#define RUN_BULK_H

#define BULK_FEED "contacts feed"
#define BULK_PAGE "contacts page"
#define BULK_IMPORT "import"
#define BULK_RENAME "rename"

enum bulk_result {
	BULK_DONE,
	/* D-CIM-13, by its numbers */
	BULK_FORMAT,
	BULK_DOMAIN,
	BULK_SELF,
	BULK_FULL,
	BULK_NOT_LOCAL,
	/* ours */
	BULK_DIRECTORY,
	BULK_NOBODY, /* a rename: no list has it */
	BULK_ERROR,  /* an internal error: the row has not been taken, or not by all lists */
	BULK_REPEATED, /* gh-conf's: as BULK_NOBODY, of a piece that was given again: it may have been done before */
	BULK_RESULT_COUNT
};

/* A row in the file, the text of one BULK_FEED, bytes of one result. */
enum { BULK_ROW_MAX = 16 << 10, BULK_PIECE_MAX = 128 << 10, BULK_RESULT_BYTES = 9 };

/* Of a contact that is in no group (D-CEX-04); read again, it is in none. */
#define BULK_DEFAULT_GROUP "General"

#endif
