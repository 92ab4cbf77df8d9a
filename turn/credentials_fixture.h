/* turn/credentials_fixture.h - for tests: accounts by their passwords, in the realm example.org. */
#ifndef TURN_CREDENTIALS_FIXTURE_H
#define TURN_CREDENTIALS_FIXTURE_H

#include "credentials.h"

/* Adds the account with both keys. */
void credentials_fixture_add(struct credentials *c, const char *user, const char *password);

#endif
