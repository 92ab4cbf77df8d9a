/* pattern.h - destination patterns of static routes (B-STR-03) and the templates that patterns with embedded
 * wildcards must fit (B-STR-13). Pure.
 *
 * Of a user part: '.' one character, '*' any number of them, at the end only. Of a domain: '*' any number of
 * characters anywhere, '.' is itself, case does not matter. "\*" is an asterisk in both. */
#ifndef GSIP_PATTERN_H
#define GSIP_PATTERN_H

#include "base/bytes.h"

enum pattern_kind { PATTERN_USER, PATTERN_DOMAIN }; /* order of the setting's range */
enum { PATTERN_MAX = 255 };                         /* B-STR-02 */

struct pattern {
	enum pattern_kind kind;
	uint16_t n;
	uint16_t n_literals, n_ones, n_manies;
	bool is_embedded; /* a '.' has something other than wildcards behind it */
	uint16_t v[PATTERN_MAX]; /* a byte; or PATTERN_ONE, PATTERN_MANY, PATTERN_DIGIT */
};
enum { PATTERN_ONE = 256, PATTERN_MANY, PATTERN_DIGIT };

/* ERR_SYNTAX, ERR_LIMIT; *why says what is wrong (static). */
int pattern_parse(enum pattern_kind kind, struct bytes text, struct pattern *out, const char **why);
/* A template: a user pattern in which 'x' stands for a digit. */
int pattern_parse_template(struct bytes text, struct pattern *out, const char **why);
bool pattern_matches(const struct pattern *p, struct bytes text);
bool pattern_fits(const struct pattern *p, const struct pattern *template);
static inline bool pattern_is_exact(const struct pattern *p)
{
	return p->n_literals == p->n;
}
/* Below 0: a is more specific than b; 0: neither. */
int pattern_cmp(const struct pattern *a, const struct pattern *b);

#endif
