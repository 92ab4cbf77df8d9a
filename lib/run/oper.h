/* run/oper.h - the frames between ghsh and gh-conf on the operator's socket:
 *     length:u32 (of what follows) type:u8 body        fields as in base/wire.h
 * ghsh sends words; gh-conf knows the commands, so a new command needs no new shell. One ASK at a
 * time; its answer is any number of RECORD, TEXT, NOTE, FILE, WANT and then one DONE or NEED. Large files pass in
 * pieces, as fast as the slower side takes them. */
#ifndef RUN_OPER_H
#define RUN_OPER_H

enum oper_frame {
	/* ghsh to gh-conf */
	OPER_HELLO = 1,    /* version u16, wanted role u8 (may lower what the user id gives) */
	OPER_ASK = 2,      /* n u16, then n of kind u8 (enum oper_word), word bytes */
	OPER_COMPLETE = 3, /* n u16, then n words bytes; the last is what is being typed, may be empty */
	OPER_ABORT = 4,    /* stop the ASK that is under way; its DONE comes at once */
	OPER_PIECE = 5,    /* rc u32 (as i32), offset u64, content bytes: what WANT asked for; empty: the file ends there */

	/* gh-conf to ghsh */
	OPER_RECORD = 16,    /* n u16, then n of key str, value bytes */
	OPER_TEXT = 17,      /* text bytes, to be written as it is */
	OPER_NOTE = 18,      /* text str: a warning or remark for the person, not part of the answer */
	OPER_DONE = 19,      /* rc u32 (as i32), text str, changes u32 in the candidate, flags u8 */
	OPER_NEED = 20,      /* what u8 (enum oper_need), word u16 (its place), text str: ask again with it */
	OPER_CANDIDATE = 21, /* word str, help str: one completion; then DONE */
	OPER_FILE = 22,      /* name str, content bytes: a file for the person; again with the same name: it goes on */
	OPER_WANT = 23,      /* word u16 (its place), offset u64, n u32: send a PIECE of the file that the word names */
};

enum oper_word {
	OPER_WORD_TYPED = 0,
	OPER_WORD_CONTENT = 1, /* a file's content or a secret in place of the word */
};

enum oper_need {
	OPER_NEED_SECRET = 1, /* ask the person without echo, append it at `word` */
	OPER_NEED_FILE = 2,   /* the word names a file: send its content instead */
};

enum { OPER_DONE_SECRET = 1 }; /* the line had a secret: keep it out of the history */

enum { OPER_VERSION = 1, OPER_FRAME_MAX = 8 << 20, OPER_PIECE_MAX = 64 << 10 };

enum oper_role { OPER_AUDITOR, OPER_OPERATOR, OPER_ADMIN };

#endif
