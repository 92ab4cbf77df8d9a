/* oper_fixture.h - gh-conf without its programs, on a virtual clock and a folder of its own: for tests of the operators' socket. The
 * hasher's second process is played in place. */
#ifndef CONF_OPER_FIXTURE_H
#define CONF_OPER_FIXTURE_H

#include "conf.h"

struct oper_fixture {
	struct conf conf;
	struct txn_ops ops;
	char folder[40];
	int helper_fd;
};

/* Aborts when it cannot. */
void oper_fixture_open(struct oper_fixture *f);
void oper_fixture_close(struct oper_fixture *f);
/* An account whose password costs little. */
struct account *oper_fixture_account(struct oper_fixture *f, const char *name, enum oper_role role, const char *password);
/* A setting that runs, put there without a commit. */
void oper_fixture_set(struct oper_fixture *f, const char *path, const char *value);
/* A connection that another program handed over, or (source NULL) root's; the person's end, not blocking. */
int oper_fixture_connect(struct oper_fixture *f, const char *source);
/* Lets all happen that can: at most so many passwords are hashed. */
void oper_fixture_settle(struct oper_fixture *f, unsigned hashes_max);

#endif
