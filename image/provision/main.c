#include "provision.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAIT_S = 120, EXIT_USAGE = 2 };

static int provision(void)
{
	struct buf lines;
	const char *name = "";

	if (!shell_is_fresh(WAIT_S))
		return EXIT_SUCCESS;
	buf_init(&lines, PROVISION_MAX);
	int rc = source_read(&lines, &name);
	int code = 0;
	if (rc == 0) {
		fprintf(stderr, "gh-provision: this box is fresh and is set up from %s\n", name);
		code = shell_take(buf_bytes(&lines));
		fprintf(stderr, code ? "gh-provision: not all lines were taken (above); what was committed stays\n" : "gh-provision: done\n");
	} else if (rc != ERR_NOT_FOUND) {
		fprintf(stderr, "gh-provision: %s: %s\n", name, err_text(rc));
	}
	buf_fini(&lines);
	return (rc && rc != ERR_NOT_FOUND) || code ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		return provision();
	fprintf(stderr, "usage: gh-provision\n");
	return EXIT_USAGE;
}
