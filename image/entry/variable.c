#include "entry.h"

/* UEFI 2.10 8.2: boot service and runtime access, and not non-volatile: only a boot service could make it. */
enum { ATTRIBUTES_BYTES = 4, ATTRIBUTES = 0x6, NAME_MAX_BYTES = 64 };

static const char *const names[ENTRY_COUNT] = { [ENTRY_RESET] = "factory-reset.conf", [ENTRY_PASSWORD] = "lost-password.conf" };

/* To ASCII; false: not that, or too long. */
static bool narrow(struct bytes wide, char out[static NAME_MAX_BYTES])
{
	size_t n = wide.n / 2;

	if (wide.n % 2 || n < 1 || n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool is_last = i + 1 == n;
		if (wide.p[2 * i + 1] || wide.p[2 * i] > 0x7e || (wide.p[2 * i] == 0) != is_last)
			return false;
		out[i] = (char)wide.p[2 * i];
	}
	return true;
}

enum entry entry_of_variable(struct bytes content)
{
	static const uint8_t wanted[ATTRIBUTES_BYTES] = { ATTRIBUTES };
	char name[NAME_MAX_BYTES];

	if (content.n <= ATTRIBUTES_BYTES || memcmp(content.p, wanted, sizeof wanted) != 0 || !narrow(bytes_skip(content, ATTRIBUTES_BYTES), name))
		return ENTRY_ORDINARY;
	for (unsigned e = ENTRY_RESET; e < ENTRY_COUNT; e++)
		if (strcmp(name, names[e]) == 0)
			return (enum entry)e;
	return ENTRY_ORDINARY;
}
