/* gh-ssh-keys SOCKET ACCOUNT - sshd's AuthorizedKeysCommand: the public keys of one account, a line each. Nothing for an
 * account whose password has to be changed first: a key is no way around that. */
#include <stdio.h>
#include <stdlib.h>

#include "ask.h"

enum { EXIT_USAGE = 2 };

struct found {
	bool is_in_force;
};

static void on_value(void *arg, struct bytes key, struct bytes value)
{
	struct found *f = arg;

	if (bytes_eq_str(key, "state"))
		f->is_in_force = bytes_eq_str(value, "in force") || bytes_eq_str(value, "slowed down");
	else if (bytes_eq_str(key, "role") && bytes_eq_str(value, "api"))
		exit(0); /* never at a shell */
	else if (f->is_in_force && bytes_starts(key, BYTES("key_")) && bytes_find(value, '\n') == value.n)
		printf("restrict,pty %.*s\n", BYTES_FMT(value));
}

int main(int argc, char **argv)
{
	struct found f = { false };

	if (argc != 3)
		return EXIT_USAGE;
	const char *const words[] = { "show", "operator", argv[2], NULL };
	return ssh_ask(argv[1], words, on_value, &f) < 0 || fflush(stdout) ? 1 : 0;
}
