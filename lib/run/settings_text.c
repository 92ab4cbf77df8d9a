/* "path = value" lines, for tests and plays. Several lines "path = -----BEGIN..." up to the next
 * line with " = " make one value, so that a certificate can be pasted. */
#include "run/settings_impl.h"

#include "base/err.h"

static struct bytes trim(struct bytes v)
{
	while (v.n > 0 && (*v.p == ' ' || *v.p == '\t'))
		v = bytes_skip(v, 1);
	while (v.n > 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t' || v.p[v.n - 1] == '\n'))
		v.n--;
	return v;
}

static size_t find_equals(struct bytes line)
{
	struct bytes rest = line;

	while (rest.n >= 3 && memcmp(rest.p, " = ", 3) != 0)
		rest = bytes_skip(rest, 1);
	return rest.n >= 3 ? line.n - rest.n : line.n;
}

static struct bytes line_at(struct bytes text, size_t at)
{
	struct bytes rest = bytes_skip(text, at);

	return bytes_make(rest.p, bytes_find(rest, '\n'));
}

static bool starts_item(struct bytes line)
{
	return find_equals(line) < line.n || trim(line).n == 0 || *trim(line).p == '#';
}

int settings_parse(struct bytes text, struct settings **out, unsigned *line)
{
	struct settings *s = settings_new(1);
	int rc = s ? 0 : ERR_NOMEM;

	*line = 0;
	for (size_t at = 0; rc == 0 && at < text.n;) {
		struct bytes first = line_at(text, at), item = first;
		at += first.n + 1;
		unsigned more = 0;
		while (at < text.n && !starts_item(line_at(text, at))) {
			struct bytes next = line_at(text, at);
			item.n += next.n + 1;
			at += next.n + 1;
			more++;
		}
		++*line;
		if (trim(first).n > 0 && *trim(first).p != '#') {
			size_t eq = find_equals(first);
			rc = eq == first.n ? ERR_SYNTAX : settings_add(s, trim(bytes_make(item.p, eq)), trim(bytes_skip(item, eq + 3)));
		}
		if (rc == 0)
			*line += more;
	}
	if (rc == 0)
		rc = settings_seal(s);
	if (rc < 0) {
		settings_free(s);
		return rc;
	}
	*out = s;
	return 0;
}
