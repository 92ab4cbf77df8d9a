#include "entry.h"

bool entry_is_allowed(enum entry e, struct bytes word)
{
	while (word.n > 0 && word.p[word.n - 1] == '\n')
		word.n--;
	if (bytes_eq_str(word, "off"))
		return false;
	return e == ENTRY_RESET || !bytes_eq_str(word, "reset");
}
