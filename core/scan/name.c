#include "name.h"

#include <stdio.h>

void scan_name(struct bytes in, char out[static SCAN_NAME_MAX + 1])
{
	size_t n = in.n < SCAN_NAME_MAX ? in.n : SCAN_NAME_MAX;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = in.p[i];
		bool may = c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != '&' && c != '\\';
		out[i] = may || (c == ' ' && i) ? (char)c : '?';
	}
	out[n] = '\0';
	if (!n)
		snprintf(out, SCAN_NAME_MAX + 1, "unnamed");
}
