#include "pattern.h"

#include "base/err.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_wildcard(uint16_t c)
{
	return c == PATTERN_ONE || c == PATTERN_MANY;
}

static bool is_digit(uint16_t c)
{
	return c >= '0' && c <= '9';
}

/* The meaning of one character that no backslash stands before. */
static uint16_t meaning(enum pattern_kind kind, bool is_template, uint8_t c)
{
	if (c == '*')
		return PATTERN_MANY;
	if (kind == PATTERN_DOMAIN)
		return lower(c);
	if (c == '.')
		return PATTERN_ONE;
	return is_template && (c == 'x' || c == 'X') ? PATTERN_DIGIT : c;
}

static void add(struct pattern *p, uint16_t c)
{
	p->v[p->n++] = c;
	p->n_literals += c < PATTERN_ONE || c == PATTERN_DIGIT;
	p->n_ones += c == PATTERN_ONE;
	p->n_manies += c == PATTERN_MANY;
}

static int check(struct pattern *p, const char **why)
{
	bool is_one_before = false;

	for (size_t i = 0; i < p->n; i++) {
		if (p->kind == PATTERN_USER && p->v[i] == PATTERN_MANY && i + 1 < p->n) {
			*why = "in a pattern of users * may stand at the end only; write \\* for an asterisk";
			return ERR_SYNTAX;
		}
		p->is_embedded |= is_one_before && !is_wildcard(p->v[i]);
		is_one_before |= p->v[i] == PATTERN_ONE;
	}
	return 0;
}

static int parse(enum pattern_kind kind, bool is_template, struct bytes text, struct pattern *out, const char **why)
{
	struct pattern p = { .kind = kind };

	*why = "a pattern has 1 to 255 characters";
	if (!text.n || text.n > PATTERN_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == '*')
			add(&p, text.p[++i]);
		else
			add(&p, meaning(kind, is_template, text.p[i]));
	}
	int rc = check(&p, why);
	if (rc == 0)
		*out = p;
	return rc;
}

int pattern_parse(enum pattern_kind kind, struct bytes text, struct pattern *out, const char **why)
{
	return parse(kind, false, text, out, why);
}

int pattern_parse_template(struct bytes text, struct pattern *out, const char **why)
{
	return parse(PATTERN_USER, true, text, out, why);
}

static bool is_same(const struct pattern *p, size_t at, uint8_t c)
{
	if (p->v[at] == PATTERN_ONE)
		return true;
	return p->v[at] == (p->kind == PATTERN_DOMAIN ? lower(c) : c);
}

/* Only the last '*' is ever tried again, so the time is bounded by the product of the lengths. */
bool pattern_matches(const struct pattern *p, struct bytes text)
{
	size_t at = 0, i = 0, star = SIZE_MAX, star_i = 0;

	while (i < text.n) {
		if (at < p->n && p->v[at] == PATTERN_MANY) {
			star = at++;
			star_i = i;
		} else if (at < p->n && is_same(p, at, text.p[i])) {
			at++;
			i++;
		} else if (star != SIZE_MAX) {
			at = star + 1;
			i = ++star_i;
		} else {
			return false;
		}
	}
	while (at < p->n && p->v[at] == PATTERN_MANY)
		at++;
	return at == p->n;
}

/* B-STR-14, -15: lead, length, and place and number of wildcards are the template's. */
bool pattern_fits(const struct pattern *p, const struct pattern *template)
{
	if (p->n != template->n)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		bool is_fit = template->v[i] == PATTERN_DIGIT ? is_digit(p->v[i]) : p->v[i] == template->v[i];
		if (!is_fit)
			return false;
	}
	return true;
}

/* Users before domains, exact ones first, then those that say most. */
int pattern_cmp(const struct pattern *a, const struct pattern *b)
{
	if (a->kind != b->kind)
		return a->kind == PATTERN_USER ? -1 : 1;
	if (pattern_is_exact(a) != pattern_is_exact(b))
		return pattern_is_exact(a) ? -1 : 1;
	if (a->n_literals != b->n_literals)
		return a->n_literals > b->n_literals ? -1 : 1;
	if (a->n_manies != b->n_manies)
		return a->n_manies < b->n_manies ? -1 : 1;
	if (a->n_ones != b->n_ones)
		return a->n_ones > b->n_ones ? -1 : 1;
	return 0;
}
