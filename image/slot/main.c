#include "slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_S = 150 };

static int bless(void)
{
	if (!slot_is_healthy(WAIT_S)) {
		fprintf(stderr, "gh-slot: after %d s not all programs run; this slot is not marked as good\n", WAIT_S);
		return EXIT_FAILURE;
	}
	if (!slot_confirm()) {
		fprintf(stderr, "gh-slot: this slot could not be marked as good\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "healthy") == 0)
		return bless();
	fprintf(stderr, "usage: gh-slot healthy\n");
	return 2;
}
