/* run/oper.h - the frames between an operator's client (ghsh, gh-admin) and gh-conf, on the operators' socket or
 * on a socket pair that another program handed over:
 *     length:u32 (of what follows) type:u8 body        fields as in base/wire.h
 * The client sends words; gh-conf knows the commands, so a new command needs no new client. One ASK at a
 * time; its answer is any number of RECORD, TEXT, FILE, NOTE, WANT and then one DONE or
 * NEED. Large files pass in pieces, as fast as the slower side takes them.
 *
 * Who is there? Root and the owner of the box at the socket are known by the kernel's word and may ask at once.
 * Everybody else, and everybody on a pair that was handed over, is nobody until a LOGIN ends with DONE 0; before
 * it only HELLO, LOGIN and LOGIN_NEW are answered, anything else closes. A LOGIN by one who is known already makes it
 * that account, with that account's rights and no others. A login goes like this:
 *     HELLO                         BANNER (if there is one, before), DONE
 *     LOGIN name password ""        NEED OPER_NEED_CODE: send it again with the code
 *                                   NEED OPER_NEED_PASSWORD_NEW: the password is right but is over: LOGIN_NEW
 *     LOGIN_NEW name old new code   DONE ERR_RANGE: the new one is not good enough, and the text says why
 *     either                        BANNER (if there is one, after), RECORD (name, role, last_login, last_from,
 *                                   failures, password_days), DONE 0; or DONE ERR_AUTH, a text that does not say what
 *                                   was wrong; or DONE ERR_AGAIN: too many attempts, the text says how long to wait
 * A program that shows an API token sends it as the password of a LOGIN without a name, on a pair that was handed over: nothing is asked
 * back, and the name in its RECORD is "token:" and the token's.
 * A connection may try three times; it is closed when nobody has logged in within a minute. */
#ifndef RUN_OPER_H
#define RUN_OPER_H

#include <stdint.h>

enum oper_frame {
	/* client to gh-conf */
	OPER_HELLO = 1,     /* version u16, wanted role u8 (may lower what the account or user id gives) */
	OPER_ASK = 2,       /* n u16, then n of kind u8 (enum oper_word), word bytes */
	OPER_COMPLETE = 3,  /* n u16, then n words bytes; the last is what is being typed, may be empty */
	OPER_ABORT = 4,     /* stop the ASK that is under way; its DONE comes at once */
	OPER_LOGIN = 5,     /* name str, password bytes, code str (RFC 6238, six digits; or empty) */
	OPER_LOGIN_NEW = 6, /* name str, old password bytes, new password bytes, code str */
	OPER_FROM = 8,      /* address str: only of the console: the person sits there, and is nobody until a LOGIN (sshd through PAM) */
	OPER_PIECE = 7,     /* rc u32 (as i32), offset u64, content bytes: what WANT asked for; empty: the file ends there */

	/* gh-conf to client */
	OPER_RECORD = 16,    /* n u16, then n of key str, value bytes */
	OPER_TEXT = 17,      /* text bytes, to be written as it is */
	OPER_NOTE = 18,      /* text str: a warning or remark for the person, not part of the answer; outside of one: why the session
	                      * ends now */
	OPER_DONE = 19,      /* rc u32 (as i32), text str, changes u32 in the candidate, flags u8 */
	OPER_NEED = 20,      /* what u8 (enum oper_need), word u16 (its place), text str: ask again with it */
	OPER_CANDIDATE = 21, /* word str, help str: one completion; then DONE. A word in <> is a hint; one that ends with file> or
	                      * file>... stands for a file of the person's: the client knows which there are */
	OPER_FILE = 22,      /* name str, content bytes: a file for the person. Several of one name, one after the other, are
	                      * its parts; it is whole when DONE says 0. The client writes it into the folder it is in,
	                      * mode 0600, never over a file that is there; a name with a slash or a leading dot is a
	                      * broken frame */
	OPER_BANNER = 23,    /* when u8 (enum oper_banner), text str: to be shown to the person as it is */
	OPER_WANT = 24,      /* word u16 (its place), offset u64, n u32: send a PIECE of the file that the word names */
};

/* MSG_OPERATOR's last field in place of the number of an operator whose further connection this is: nobody logs in on it, and it may ask
 * `show metrics` and nothing else, while there is a `web metrics-source` (gh-admin asks for collectors at those addresses). */
#define OPER_LIKE_COLLECTOR UINT64_MAX

enum oper_word {
	OPER_WORD_TYPED = 0,
	OPER_WORD_CONTENT = 1, /* a file's content or a secret in place of the word */
};

enum oper_need {
	OPER_NEED_SECRET = 1,       /* ask the person without echo and twice, append it at `word` */
	OPER_NEED_FILE = 2,         /* the word names a file: send its content instead */
	OPER_NEED_PASSWORD_NEW = 3, /* after LOGIN: first login, or the password has expired: send LOGIN_NEW */
	OPER_NEED_OLD_SECRET = 5,   /* ask the person without echo, once; append it at `word` */
	OPER_NEED_CODE = 4,         /* after LOGIN or LOGIN_NEW: send it again with the one-time code */
};

enum oper_banner { OPER_BANNER_BEFORE = 0, OPER_BANNER_AFTER = 1 };

enum { OPER_DONE_SECRET = 1 }; /* the line had a secret: keep it out of the history */

enum {
	OPER_VERSION = 2,
	OPER_FRAME_MAX = 8 << 20,
	OPER_PIECE_MAX = 64 << 10, /* of a file that passes in pieces */
	OPER_NAME_MAX = 32,      /* bytes of an account's name */
	OPER_PASSWORD_MAX = 256, /* bytes of a password */
	OPER_TRIES = 3,          /* refused logins of one connection; then it is closed */
};

/* Users of the system that operators are over SSH: one an account, by its name, and one group. Who is such a user at the
 * operators' socket has proved to be that account (sshd, by a key or through PAM). OPER_UID_CONSOLE is the appliance's console: nobody
 * before a login, but one who stands before the box. */
enum { OPER_GID = 100000, OPER_UID_CONSOLE = 100000, OPER_UID_FIRST = 100001, OPER_UID_LAST = OPER_UID_FIRST + 0xffff };

/* By number on the wire; which may do what is in gh-conf's rights. */
enum oper_role {
	OPER_AUDITOR,
	OPER_OPERATOR,
	OPER_ADMIN,
	OPER_CRYPTO, /* keys, certificates and trust only */
	OPER_API,    /* as an operator, but never at ghsh's socket */
	OPER_COMPLIANCE, /* reads what people wrote: the compliance archive and its legal holds, and nothing else */
	OPER_ROLE_COUNT
};

#endif
