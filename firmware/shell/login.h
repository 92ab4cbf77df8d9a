/* login.h - the beginning of a connection: banner, and who is there (run/oper.h). */
#ifndef SHELL_LOGIN_H
#define SHELL_LOGIN_H

#include "client.h"

struct login {
	struct client *client;
	const char *name; /* NULL: as the user that we are */
	enum oper_role role;
	bool is_person;   /* prompts and banners; otherwise secrets are lines of standard input */
};

/* 0: gh-conf answers commands now. ERR_AUTH: it does not, and the person has been told why. Others: gh-conf has gone. */
int login_run(const struct login *l);

#endif
