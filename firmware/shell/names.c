#include "names.h"

#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES_MAX = 20000 }; /* of a folder that are looked at */

bool names_is_inside(const char *name)
{
	if (name[0] == '/' || name[0] == 0)
		return false;
	for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
		if (part[0] == '.' || part[0] == '/' || part[0] == 0)
			return false;
	return true;
}

bool names_is_file_hint(const char *word)
{
	size_t n = strlen(word);

	n -= n > 3 && strcmp(word + n - 3, "...") == 0 ? 3 : 0;
	return n >= 6 && word[0] == '<' && memcmp(word + n - 5, "file>", 5) == 0;
}

/* A part of a path as it was typed: its folder ("" none, else with a slash at the end) and what the name begins with. */
struct typed {
	char folder[512];
	struct bytes name;
	bool is_shut_in;
};

static bool split(struct bytes text, bool is_shut_in, struct typed *out)
{
	size_t n = text.n;

	while (n > 0 && text.p[n - 1] != '/')
		n--;
	if (n >= sizeof out->folder)
		return false;
	snprintf(out->folder, sizeof out->folder, "%.*s", (int)n, (const char *)text.p);
	out->name = bytes_skip(text, n);
	out->is_shut_in = is_shut_in;
	if (!is_shut_in || n == 0)
		return true;
	out->folder[n - 1] = 0;
	bool is_inside = names_is_inside(out->folder);
	out->folder[n - 1] = '/';
	return is_inside;
}

/* Could it be typed, and shown as it is? */
static bool is_shown(const struct typed *t, const char *name)
{
	struct bytes b = bytes_of(name);

	if (!bytes_starts(b, t->name) || (name[0] == '.' && (t->is_shut_in || t->name.n == 0 || name[1] == 0 || strcmp(name, "..") == 0)))
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < 0x20 || b.p[i] == 0x7f || (b.p[i] == 0xc2 && i + 1 < b.n && b.p[i + 1] < 0xa0))
			return false;
	return text_is_utf8(b);
}

static bool describe(const struct typed *t, int folder, const char *name, struct candidate *out)
{
	struct stat st;
	char when[32] = "";
	struct tm tm;

	if (fstatat(folder, name, &st, t->is_shut_in ? AT_SYMLINK_NOFOLLOW : 0) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) ||
	    faccessat(folder, name, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK, 0) < 0)
		return false;
	int n = snprintf(out->word, sizeof out->word, "%s%s%s", t->folder, name, S_ISDIR(st.st_mode) ? "/" : "");
	if (n < 0 || (size_t)n >= sizeof out->word)
		return false;
	if (gmtime_r(&st.st_mtime, &tm))
		(void)strftime(when, sizeof when, ", %Y-%m-%d %H:%M UTC", &tm); /* it has room */
	if (S_ISDIR(st.st_mode))
		snprintf(out->help, sizeof out->help, "folder");
	else
		snprintf(out->help, sizeof out->help, "%lld bytes%s", (long long)st.st_size, when);
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct candidate *)a)->word, ((const struct candidate *)b)->word);
}

size_t names_list(struct bytes typed, bool is_shut_in, struct candidate *out, size_t max)
{
	struct typed t;
	size_t n = 0;
	bool is_more = false;

	if (max == 0 || !split(typed, is_shut_in, &t))
		return 0;
	int fd = open(t.folder[0] ? t.folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_shut_in ? O_NOFOLLOW : 0));
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		if (fd >= 0)
			(void)close(fd); /* nothing was read */
		return 0;
	}
	const struct dirent *e;
	for (size_t i = 0; i < ENTRIES_MAX && !is_more && (e = readdir(d)); i++) {
		struct candidate c;
		if (!is_shown(&t, e->d_name) || !describe(&t, fd, e->d_name, &c))
			continue;
		is_more = n == max;
		if (!is_more)
			out[n++] = c;
	}
	(void)closedir(d); /* read only */
	qsort(out, n, sizeof *out, compare);
	if (is_more)
		out[n - 1] = (struct candidate){ .word = "<more>", .help = "there are more files: type how the name begins" };
	return n;
}
