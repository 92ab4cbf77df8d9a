/* run/portable.h - people in files of XEP-0227: what gh-conf gives gh-im of them, and what gh-im says.
 *
 * gh-conf asks with the command PORTABLE_FEED: pass ("accounts", "data"), "1" at the front of the file (else ""), "1" at its end (else
 * ""), the text. A file is given twice: accounts come first, because a person's data may stand before the password. gh-im keeps where it
 * is in the file, one file at a time, until the end, an error, or PORTABLE_IDLE_MS without a piece. It takes all of a text, and answers
 * with one record: made, existed (accounts of this piece), results (struct below, one behind the other), and error: "" or why the file
 * ends here (then what has been taken stays).
 *
 * A result: user str, enum portable_result u8, PORTABLE_COUNTS of u32, note str (the first thing that was left out, and why).
 *
 * PORTABLE_PAGE gives a file: "1" to begin (else ""), whose (all, a domain, an address), "1" with message archives (else ""). The
 * answer's record: part (bytes), more (0, 1), users (of the part). */
#ifndef RUN_PORTABLE_H
#define RUN_PORTABLE_H

#define PORTABLE_FEED "users feed"
#define PORTABLE_PAGE "users page"
#define PORTABLE_ACCOUNTS "accounts"
#define PORTABLE_DATA "data"

enum portable_result {
	PORTABLE_DONE,
	PORTABLE_NAME,      /* not a name that an account can have */
	PORTABLE_NOT_HERE,  /* the domain does not live here */
	PORTABLE_NO_SECRET, /* neither a password nor a verifier that this box has */
	PORTABLE_INCLUDE,   /* stands in another file */
	PORTABLE_ERROR,     /* an internal error */
	PORTABLE_RESULT_COUNT
};

/* What has come in, and what was left out; what is there already is neither. */
enum portable_count {
	PORTABLE_CONTACTS, /* and requests that wait */
	PORTABLE_OFFLINE,
	PORTABLE_ITEMS, /* of nodes */
	PORTABLE_ARCHIVED,
	PORTABLE_OTHER, /* vCard, private XML, blocked addresses */
	PORTABLE_LEFT_OUT,
	PORTABLE_COUNTS
};

enum {
	PORTABLE_PIECE_MAX = 128 << 10,
	PORTABLE_IDLE_MS = 600 * 1000,
	PORTABLE_NOTE_MAX = 160,
	PORTABLE_RESULT_MAX = 3072 + 1 + 4 * PORTABLE_COUNTS + PORTABLE_NOTE_MAX + 4, /* bytes of a result */
};

#endif
