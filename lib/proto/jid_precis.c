#include "proto/jid_precis.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/jid.h"

enum {
	TEXT_MAX_UNITS = JID_MAX_BYTES + 1, /* UTF-16 never has more units than UTF-8 has bytes */
	ROUNDS_MAX = 4,                     /* RFC 8265 3.3.2, 4.2.2: until it is stable, or refuse */
};

struct text {
	UChar u[TEXT_MAX_UNITS];
	int32_t n;
};

/* ---- code points (RFC 8264 8) ---- */

enum verdict { PVALID, FREE_PVALID, CONTEXT, DISALLOWED };

/* RFC 8264 9.6 */
static const struct exception {
	UChar32 first, last;
	enum verdict verdict;
} exceptions[] = {
	{ 0x00b7, 0x00b7, CONTEXT },    { 0x00df, 0x00df, PVALID },     { 0x0375, 0x0375, CONTEXT },
	{ 0x03c2, 0x03c2, PVALID },     { 0x05f3, 0x05f4, CONTEXT },    { 0x0640, 0x0640, DISALLOWED },
	{ 0x0660, 0x0669, CONTEXT },    { 0x06f0, 0x06f9, CONTEXT },    { 0x06fd, 0x06fe, PVALID },
	{ 0x07fa, 0x07fa, DISALLOWED }, { 0x0f0b, 0x0f0b, PVALID },     { 0x3007, 0x3007, PVALID },
	{ 0x302e, 0x302f, DISALLOWED }, { 0x3031, 0x3035, DISALLOWED }, { 0x303b, 0x303b, DISALLOWED },
	{ 0x30fb, 0x30fb, CONTEXT },
};

static bool is_exception(UChar32 c, enum verdict *out)
{
	for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
		if (c >= exceptions[i].first && c <= exceptions[i].last) {
			*out = exceptions[i].verdict;
			return true;
		}
	}
	return false;
}

static bool has_compat(UChar32 c)
{
	UErrorCode err = U_ZERO_ERROR;
	const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&err);
	UChar in[2], out[32];
	int32_t n = 0;

	U16_APPEND_UNSAFE(in, n, c);
	int32_t m = unorm2_normalize(nfkc, in, n, out, 32, &err);
	return U_FAILURE(err) || m != n || u_memcmp(in, out, n) != 0;
}

static bool is_old_jamo(UChar32 c)
{
	int32_t t = u_getIntPropertyValue(c, UCHAR_HANGUL_SYLLABLE_TYPE);

	return t == U_HST_LEADING_JAMO || t == U_HST_VOWEL_JAMO || t == U_HST_TRAILING_JAMO;
}

static enum verdict verdict_by_type(UChar32 c)
{
	static const uint32_t letter_digits = U_GC_LL_MASK | U_GC_LU_MASK | U_GC_LO_MASK | U_GC_ND_MASK |
					      U_GC_LM_MASK | U_GC_MN_MASK | U_GC_MC_MASK;
	static const uint32_t freeform = U_GC_LT_MASK | U_GC_NL_MASK | U_GC_NO_MASK | U_GC_ME_MASK |
					 U_GC_ZS_MASK | U_GC_S_MASK | U_GC_P_MASK;
	uint32_t type = U_GET_GC_MASK(c);

	if (type & letter_digits)
		return PVALID;
	return type & freeform ? FREE_PVALID : DISALLOWED;
}

static enum verdict verdict_of(UChar32 c)
{
	enum verdict v;

	if (c >= 0x21 && c <= 0x7e)
		return PVALID;
	if (is_exception(c, &v))
		return v;
	if (u_charType(c) == U_UNASSIGNED)
		return DISALLOWED;
	if (c == 0x200c || c == 0x200d)
		return CONTEXT;
	if (is_old_jamo(c) || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
	    U_IS_UNICODE_NONCHAR(c) || u_charType(c) == U_CONTROL_CHAR)
		return DISALLOWED;
	if (has_compat(c))
		return FREE_PVALID;
	return verdict_by_type(c);
}

/* ---- contexts (RFC 5892 appendix A) ---- */

static UChar32 before(const struct text *t, int32_t at)
{
	UChar32 c = 0;

	if (at > 0)
		U16_PREV(t->u, 0, at, c);
	return c;
}

static UChar32 after(const struct text *t, int32_t at)
{
	UChar32 c = 0;

	U16_FWD_1(t->u, at, t->n);
	if (at < t->n)
		U16_NEXT(t->u, at, t->n, c);
	return c;
}

static bool is_script(UChar32 c, UScriptCode s)
{
	return c && u_getIntPropertyValue(c, UCHAR_SCRIPT) == (int32_t)s;
}

static int32_t joining(UChar32 c)
{
	return u_getIntPropertyValue(c, UCHAR_JOINING_TYPE);
}

/* A.1: (L or D) T* here T* (R or D) */
static bool is_between_joined(const struct text *t, int32_t at)
{
	int32_t i = at, j = at;
	UChar32 c = 0;

	do {
		if (i == 0)
			return false;
		U16_PREV(t->u, 0, i, c);
	} while (joining(c) == U_JT_TRANSPARENT);
	if (joining(c) != U_JT_LEFT_JOINING && joining(c) != U_JT_DUAL_JOINING)
		return false;
	U16_FWD_1(t->u, j, t->n);
	do {
		if (j == t->n)
			return false;
		U16_NEXT(t->u, j, t->n, c);
	} while (joining(c) == U_JT_TRANSPARENT);
	return joining(c) == U_JT_RIGHT_JOINING || joining(c) == U_JT_DUAL_JOINING;
}

static bool has_in(const struct text *t, UChar32 first, UChar32 last)
{
	UChar32 c;

	for (int32_t i = 0; i < t->n;) {
		U16_NEXT(t->u, i, t->n, c);
		if (c >= first && c <= last)
			return true;
	}
	return false;
}

static bool has_japanese(const struct text *t)
{
	UChar32 c;

	for (int32_t i = 0; i < t->n;) {
		U16_NEXT(t->u, i, t->n, c);
		if (is_script(c, USCRIPT_HIRAGANA) || is_script(c, USCRIPT_KATAKANA) ||
		    is_script(c, USCRIPT_HAN))
			return true;
	}
	return false;
}

static bool fits_context(const struct text *t, int32_t at, UChar32 c)
{
	UChar32 left = before(t, at);

	switch (c) {
	case 0x200c:
		return (left && u_getCombiningClass(left) == 9) || is_between_joined(t, at);
	case 0x200d:
		return left && u_getCombiningClass(left) == 9;
	case 0x00b7:
		return left == 'l' && after(t, at) == 'l';
	case 0x0375:
		return is_script(after(t, at), USCRIPT_GREEK);
	case 0x05f3:
	case 0x05f4:
		return is_script(left, USCRIPT_HEBREW);
	case 0x30fb:
		return has_japanese(t);
	default: /* Arabic-Indic digits and the extended ones do not mix */
		return c <= 0x0669 ? !has_in(t, 0x06f0, 0x06f9) : !has_in(t, 0x0660, 0x0669);
	}
}

static int check_class(const struct text *t, bool is_identifier)
{
	UChar32 c;

	for (int32_t i = 0; i < t->n;) {
		int32_t at = i;
		U16_NEXT(t->u, i, t->n, c);
		enum verdict v = verdict_of(c);
		if (v == DISALLOWED || (v == FREE_PVALID && is_identifier) ||
		    (v == CONTEXT && !fits_context(t, at, c)))
			return ERR_SYNTAX;
	}
	return 0;
}

/* ---- the bidi rule (RFC 5893 2) ---- */

#define DIR(d) (1u << (d))
enum { NO_DIR = 0 };
static const uint32_t rtl_parts = DIR(U_RIGHT_TO_LEFT) | DIR(U_RIGHT_TO_LEFT_ARABIC) |
				  DIR(U_ARABIC_NUMBER);
static const uint32_t neutral = DIR(U_EUROPEAN_NUMBER) | DIR(U_EUROPEAN_NUMBER_SEPARATOR) |
				DIR(U_COMMON_NUMBER_SEPARATOR) | DIR(U_EUROPEAN_NUMBER_TERMINATOR) |
				DIR(U_OTHER_NEUTRAL) | DIR(U_BOUNDARY_NEUTRAL) |
				DIR(U_DIR_NON_SPACING_MARK);

static int check_bidi(const struct text *t)
{
	uint32_t seen = NO_DIR, first = NO_DIR, last = NO_DIR;
	UChar32 c;

	for (int32_t i = 0; i < t->n;) {
		U16_NEXT(t->u, i, t->n, c);
		uint32_t d = DIR(u_charDirection(c));
		seen |= d;
		if (!first)
			first = d;
		if (d != DIR(U_DIR_NON_SPACING_MARK))
			last = d;
	}
	if (!(seen & rtl_parts))
		return 0;
	if (first == DIR(U_LEFT_TO_RIGHT)) /* rules 5 and 6; R, AL and AN were seen */
		return ERR_SYNTAX;
	if (first != DIR(U_RIGHT_TO_LEFT) && first != DIR(U_RIGHT_TO_LEFT_ARABIC)) /* rule 1 */
		return ERR_SYNTAX;
	if (seen & ~(rtl_parts | neutral)) /* rule 2 */
		return ERR_SYNTAX;
	if (!(last & (rtl_parts | DIR(U_EUROPEAN_NUMBER)))) /* rule 3 */
		return ERR_SYNTAX;
	bool has_both = (seen & DIR(U_EUROPEAN_NUMBER)) && (seen & DIR(U_ARABIC_NUMBER)); /* rule 4 */
	return has_both ? ERR_SYNTAX : 0;
}

/* ---- mappings ---- */

static int put(struct text *t, UChar32 c)
{
	if (t->n + 2 > TEXT_MAX_UNITS)
		return ERR_LIMIT;
	U16_APPEND_UNSAFE(t->u, t->n, c);
	return 0;
}

/* Fullwidth and halfwidth to their decomposition (RFC 8265 3.3.2, rule 1). */
static int put_width(struct text *t, UChar32 c)
{
	UErrorCode err = U_ZERO_ERROR;
	int32_t type = u_getIntPropertyValue(c, UCHAR_DECOMPOSITION_TYPE);
	UChar out[8];

	if (type != U_DT_WIDE && type != U_DT_NARROW)
		return put(t, c);
	int32_t n = unorm2_getRawDecomposition(unorm2_getNFKCInstance(&err), c, out, 8, &err);
	if (U_FAILURE(err) || n < 0)
		return ERR_SYNTAX;
	int rc = 0;
	for (int32_t i = 0; i < n && rc == 0;) {
		U16_NEXT(out, i, n, c);
		rc = put(t, c);
	}
	return rc;
}

/* Lower case without context (RFC 7622 3.5 on the final sigma). */
static int put_lower(struct text *t, UChar32 c)
{
	if (c != 0x0130)
		return put(t, u_tolower(c));
	int rc = put(t, 'i');
	return rc ? rc : put(t, 0x0307);
}

static int put_space(struct text *t, UChar32 c)
{
	return put(t, u_charType(c) == U_SPACE_SEPARATOR ? ' ' : c);
}

static int map(const struct text *in, int (*put_mapped)(struct text *, UChar32), struct text *out)
{
	UChar32 c;
	int rc = 0;

	out->n = 0;
	for (int32_t i = 0; i < in->n && rc == 0;) {
		U16_NEXT(in->u, i, in->n, c);
		rc = put_mapped(out, c);
	}
	return rc;
}

static int to_nfc(const struct text *in, struct text *out)
{
	UErrorCode err = U_ZERO_ERROR;

	out->n = unorm2_normalize(unorm2_getNFCInstance(&err), in->u, in->n, out->u, TEXT_MAX_UNITS, &err);
	return U_FAILURE(err) ? ERR_LIMIT : 0;
}

/* One application of a profile's mapping rules; t is changed in place. */
static int apply(struct text *t, bool is_username)
{
	struct text other;
	int rc;

	if (is_username) {
		rc = map(t, put_width, &other);
		if (rc == 0)
			rc = map(&other, put_lower, t);
	} else {
		rc = map(t, put_space, &other);
		if (rc == 0)
			*t = other;
	}
	if (rc == 0)
		rc = to_nfc(t, &other);
	if (rc == 0)
		*t = other;
	return rc;
}

static int enforce(struct text *t, bool is_username)
{
	struct text last;

	for (int i = 0; i < ROUNDS_MAX; i++) {
		last = *t;
		int rc = apply(t, is_username);
		if (rc)
			return rc;
		if (last.n != t->n || u_memcmp(last.u, t->u, t->n) != 0)
			continue;
		if (t->n == 0)
			return ERR_SYNTAX;
		rc = check_class(t, is_username);
		return rc == 0 && is_username ? check_bidi(t) : rc;
	}
	return ERR_SYNTAX;
}

static int read_text(struct bytes in, struct text *t)
{
	UErrorCode err = U_ZERO_ERROR;

	if (in.n > JID_MAX_BYTES)
		return ERR_LIMIT;
	if (!text_is_utf8(in))
		return ERR_UTF8;
	u_strFromUTF8(t->u, TEXT_MAX_UNITS, &t->n, (const char *)in.p, (int32_t)in.n, &err);
	return U_FAILURE(err) ? ERR_UTF8 : 0;
}

static int write_text(const struct text *t, struct arena *a, struct bytes *out)
{
	UErrorCode err = U_ZERO_ERROR;
	char text[JID_PART_MAX_BYTES + 1];
	int32_t n = 0;

	u_strToUTF8(text, JID_PART_MAX_BYTES, &n, t->u, t->n, &err);
	if (U_FAILURE(err) || n > JID_PART_MAX_BYTES)
		return ERR_LIMIT;
	struct bytes copy = arena_dup(a, bytes_make(text, (size_t)n));
	if (!copy.p)
		return ERR_NOMEM;
	*out = copy;
	return 0;
}

static int profile(struct bytes in, bool is_username, struct arena *a, struct bytes *out)
{
	struct text t = { .n = 0 };
	int rc = read_text(in, &t);

	if (rc == 0)
		rc = enforce(&t, is_username);
	return rc == 0 ? write_text(&t, a, out) : rc;
}

int precis_username(struct bytes in, struct arena *a, struct bytes *out)
{
	return profile(in, true, a, out);
}

int precis_opaque(struct bytes in, struct arena *a, struct bytes *out)
{
	return profile(in, false, a, out);
}

/* ---- Nickname (RFC 8266) ---- */

/* No space at either end, one between words (2.1). */
static void squeeze(struct text *t)
{
	int32_t n = 0;

	for (int32_t i = 0; i < t->n; i++)
		if (t->u[i] != ' ' || (n && t->u[n - 1] != ' '))
			t->u[n++] = t->u[i];
	t->n = n && t->u[n - 1] == ' ' ? n - 1 : n;
}

static int apply_nickname(struct text *t)
{
	UErrorCode err = U_ZERO_ERROR;
	struct text other;
	int rc = map(t, put_space, &other);

	if (rc)
		return rc;
	squeeze(&other);
	rc = map(&other, put_lower, t);
	if (rc)
		return rc;
	other.n = unorm2_normalize(unorm2_getNFKCInstance(&err), t->u, t->n, other.u, TEXT_MAX_UNITS, &err);
	if (U_FAILURE(err))
		return ERR_LIMIT;
	*t = other;
	return 0;
}

int precis_nickname(struct bytes in, struct arena *a, struct bytes *out)
{
	struct text t = { .n = 0 }, last;
	int rc = read_text(in, &t);

	if (rc == 0)
		rc = check_class(&t, false);
	for (int i = 0; rc == 0 && i < ROUNDS_MAX; i++) {
		last = t;
		rc = apply_nickname(&t);
		if (rc == 0 && last.n == t.n && u_memcmp(last.u, t.u, t.n) == 0)
			return t.n ? write_text(&t, a, out) : ERR_SYNTAX;
	}
	return rc ? rc : ERR_SYNTAX;
}
