#include "entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_S = 120, VARIABLE_MAX = 512, WORD_MAX = 32 };

/* Of the boot loader (Boot Loader Interface). */
static const char variable[] = "/sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

static enum entry chosen(void)
{
	uint8_t content[VARIABLE_MAX];
	int fd = open(variable, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, content, sizeof content);

	if (fd >= 0)
		(void)close(fd); /* read only */
	return entry_of_variable(bytes_make(content, n > 0 ? (size_t)n : 0));
}

static int refuse(const char *state)
{
	entry_say("\nThe settings of this box do not allow that (operators boot-menu): it starts as always.\n");
	return entry_tell_conf(state, "refused\n");
}

static int act(enum entry e, const char *state)
{
	int rc = e == ENTRY_RESET ? entry_mark_reset(state) : entry_tell_conf(state, "password\n");

	if (rc == -ENOENT)
		entry_say("\nThis box is fresh already.\n");
	else
		entry_say(rc ? "\nThat could not be written: nothing has changed.\n" : e == ENTRY_RESET ? "\nEverything is being wiped.\n" : "\nLog in as admin with an empty password.\n");
	return rc == -ENOENT ? 0 : rc;
}

int main(int argc, char **argv)
{
	char room[WORD_MAX];
	struct bytes word;

	if (argc != 2) {
		fprintf(stderr, "usage: gh-entry STATE\n");
		return 2;
	}
	enum entry e = chosen();
	if (e == ENTRY_ORDINARY)
		return EXIT_SUCCESS;
	int rc = entry_read_word(argv[1], room, sizeof room, &word);
	if (!rc && !entry_is_allowed(e, word))
		rc = refuse(argv[1]);
	else if (!rc && entry_confirm(e, WAIT_S))
		rc = act(e, argv[1]);
	else if (!rc)
		entry_say("\nNothing was changed.\n");
	if (rc)
		fprintf(stderr, "gh-entry: %s\n", strerror(-rc));
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
