/* ask.h - one command from words to the screen. */
#ifndef SHELL_ASK_H
#define SHELL_ASK_H

#include "client.h"

struct ask {
	struct client *client;
	bool is_json, is_paged;
	bool may_prompt; /* a person is at the keyboard */
	bool is_classic; /* answers as the classic appliance's: SUCCESS or FAILURE */
	bool is_login;   /* a login shell: files are those of the person's own folder */
	unsigned idle_s; /* a person who types nothing for so long is sent away; 0: never */
	bool had_secret; /* the typed words had one: not for the history */
};

/* Runs a command. 0; 1: it was refused or failed (the reason is on stderr); 3: gh-conf has gone. */
int ask_run(struct ask *a, const struct words *words);

#endif
