/* auth/directory.h - people of an LDAP directory: gh-dir says whether a password is theirs (B-LDP-05, A-01.09). Such a person has an
 * account like any other, whose own password nobody knows; a note of gh-store says that the directory stands behind it. Accounts
 * without the note are this box's own, and are never asked for there (B-LDP-04). */
#ifndef IM_DIRECTORY_H
#define IM_DIRECTORY_H

#include "im.h"

struct login;
struct user;

/* The note: the account's blob STORE_DIRECTORY_KEY. */
struct directory_note {
	bool is_gone;        /* the directory has this person no more: no login */
	uint64_t gone_ms;    /* since (1970) */
	uint64_t roster;     /* digest of what groups have put into the contact list; 0: not known, 1: nothing (presence/shared.h) */
	struct bytes user, name, mail, uri; /* as the directory has them */
};
void directory_note_put(struct buf *b, const struct directory_note *n);
/* Views into the note. ERR_SYNTAX. */
int directory_note_read(struct bytes note, struct directory_note *out);

/* The note of an account that is being loaded. */
void directory_load(struct user *u, struct bytes note);

/* Is it to be asked for a password that is none of the account's? l->password is there. */
bool directory_is_asked(const struct im *im, const struct login *l);
/* Asks; takes the password. Ends with the login looked up once more, is_proved set, or in its failure. */
void directory_ask(struct im *im, struct login *l);
int directory_on_verdict(void *im, struct chan *from, const struct frame *f);
/* An account for somebody of the directory, or new secrets for it: a password that nobody knows, no application passwords, no
 * tokens; and its note. Begins the ask (STORE_ACCOUNT_PUT), the caller sends it. mode: one of the NOTED of run/store_op.h. */
void directory_begin_account(struct im *im, struct bytes jid, uint8_t mode, const struct directory_note *n);

/* The note alone, of an account that has one (STORE_ACCOUNT_NOTE). Begins the ask. */
void directory_begin_note(struct im *im, struct bytes jid, struct bytes note);

void directory_apply(struct im *im, const struct settings *s);
/* gh-dir has gone: those who wait for it are told to try again. */
void directory_down(struct im *im);
void directory_fini(struct im *im);

#endif
