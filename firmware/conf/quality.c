#include "quality.h"

#include "base/err.h"
#include "base/text.h"
#include "run/oper.h"

#include <stdio.h>

enum { DISTINCT_MIN = 5 };

static const char *const common[] = {
	"password", "passwort", "pass", "welcome", "admin", "administrator", "gatehouse", "qwerty", "qwertz", "azerty", "asdf", "letmein",
	"changeme", "secret", "master", "login", "abc", "iloveyou", "monkey", "dragon", "sunshine", "default", "root", "cisco", "12345678",
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static size_t count_letters(struct bytes v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n += (v.p[i] & 0xc0) != 0x80;
	return n;
}

static size_t count_distinct(struct bytes v)
{
	bool has[256] = { false };
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		n += !has[lower(v.p[i])];
		has[lower(v.p[i])] = true;
	}
	return n;
}

/* Bytes that do not go on from the one before: not the same, not one up, not one down ("abcd", "4321", "aaaa"). */
static size_t count_turns(struct bytes v)
{
	size_t n = v.n > 0;

	for (size_t i = 1; i < v.n; i++) {
		int step = (int)lower(v.p[i]) - (int)lower(v.p[i - 1]);
		n += step < -1 || step > 1;
	}
	return n;
}

static bool begins_nocase(struct bytes v, struct bytes word)
{
	return v.n >= word.n && bytes_eq_nocase(bytes_make(v.p, word.n), word);
}

/* What is left when the word is taken out wherever it stands. */
static size_t left_without(struct bytes v, struct bytes word)
{
	size_t n = 0;

	while (v.n > 0) {
		bool is_there = word.n > 0 && begins_nocase(v, word);
		n += !is_there;
		v = bytes_skip(v, is_there ? word.n : 1);
	}
	return n;
}

static bool has_control(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return true;
	}
	return false;
}

int quality_check(struct bytes password, const char *name, size_t min_letters, char room[static 96], const char **why)
{
	*why = "a password is text without control characters, at most 256 bytes";
	if (!text_is_utf8(password) || has_control(password) || password.n > OPER_PASSWORD_MAX)
		return ERR_RANGE;
	snprintf(room, 96, "too short: a password has at least %zu letters", min_letters);
	*why = room;
	if (count_letters(password) < min_letters)
		return ERR_RANGE;
	*why = "too simple: the same letters again and again, or a row of the alphabet or of digits";
	if (count_distinct(password) < DISTINCT_MIN || count_turns(password) < min_letters / 2)
		return ERR_RANGE;
	*why = "too simple: little more than the account's name";
	if (left_without(password, bytes_of(name)) < min_letters / 2)
		return ERR_RANGE;
	*why = "too simple: little more than a word that is tried first";
	for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
		if (left_without(password, bytes_of(common[i])) < min_letters / 2)
			return ERR_RANGE;
	}
	return 0;
}
