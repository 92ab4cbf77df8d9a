#include "base/err.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#define ERR_TEXT(name, text) text,
static const char *const err_texts[] = { "ok", ERR_TABLE(ERR_TEXT) };
#undef ERR_TEXT
static_assert(sizeof err_texts / sizeof err_texts[0] == ERR_INDEX_COUNT, "one text a code");

const char *err_text(int code)
{
	if (code > 0 || code <= -ERR_INDEX_COUNT)
		return "unknown error";
	return err_texts[-code];
}

#define NAME_MAX_LEN 24
struct err_names {
	char name[ERR_INDEX_COUNT][NAME_MAX_LEN];
};

#define ERR_NAME(name, text) #name,
static const char *const err_symbols[] = { "ok", ERR_TABLE(ERR_NAME) };
#undef ERR_NAME

const char *err_name(int code)
{
	/* Filled once with constants that derive from the table. */
	static struct err_names names;
	static bool is_filled;

	if (code > 0 || code <= -ERR_INDEX_COUNT)
		return "no-such-error";
	if (code == 0)
		return "ok";
	if (!is_filled) {
		for (size_t i = 1; i < ERR_INDEX_COUNT; i++) {
			const char *s = err_symbols[i] + sizeof "ERR_" - 1;
			size_t n = 0;
			for (; s[n] && n < NAME_MAX_LEN - 1; n++)
				names.name[i][n] = s[n] == '_' ? '-' : (char)(s[n] >= 'A' && s[n] <= 'Z' ? s[n] + 32 : s[n]);
		}
		is_filled = true;
	}
	return names.name[-code];
}
