/* The list is text, one line each:
 *     module NAME always|first|asked PATH [NAME OF WHAT IT NEEDS]...     needs stand before
 *     alias NAME PATTERN                                           as in modules.alias */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MODULES_MAX = 256, NEEDS_MAX = 24, ALIASES_MAX = 8192, MODALIAS_MAX = 512 };

struct module {
	const char *name, *path;
	const char *needs[NEEDS_MAX];
	unsigned n_needs;
	bool is_always, is_first, was_tried;
};

static struct module modules[MODULES_MAX];
static unsigned n_modules;
static struct {
	const char *pattern;
	struct module *module;
} aliases[ALIASES_MAX];
static unsigned n_aliases;

static struct module *module_of(const char *name)
{
	for (unsigned i = 0; i < n_modules; i++)
		if (strcmp(modules[i].name, name) == 0)
			return &modules[i];
	return NULL;
}

static void read_module(char *rest)
{
	struct module *m = &modules[n_modules];
	const char *when;

	if (n_modules == MODULES_MAX || !(m->name = strtok(rest, " ")) || !(when = strtok(NULL, " ")) ||
	    !(m->path = strtok(NULL, " ")))
		return;
	m->is_always = strcmp(when, "always") == 0;
	m->is_first = strcmp(when, "first") == 0;
	for (const char *need; m->n_needs < NEEDS_MAX && (need = strtok(NULL, " "));)
		m->needs[m->n_needs++] = need;
	n_modules++;
}

static void read_alias(char *rest)
{
	const char *name = strtok(rest, " "), *pattern = strtok(NULL, " ");

	if (n_aliases == ALIASES_MAX || !pattern || !(aliases[n_aliases].module = module_of(name)))
		return;
	aliases[n_aliases++].pattern = pattern;
}

/* The text stays mapped: names and patterns point into it. */
static int read_list(void)
{
	struct stat st;
	int fd = open("/modules/list", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	char *text = mmap(NULL, (size_t)st.st_size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	if (text == MAP_FAILED)
		return -errno;
	for (char *next = text; next && *next;) {
		char *line = next;
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (strncmp(line, "module ", 7) == 0)
			read_module(line + 7);
		else if (strncmp(line, "alias ", 6) == 0)
			read_alias(line + 6);
	}
	return 0;
}

static void load(struct module *m)
{
	if (!m || m->was_tried)
		return;
	m->was_tried = true;
	for (unsigned i = 0; i < m->n_needs; i++)
		load(module_of(m->needs[i]));
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV))
		say("gatehouse: module %s: %s", m->name, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void load_for(const char *path, bool is_first)
{
	char wanted[MODALIAS_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, wanted, sizeof wanted - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	wanted[n] = 0;
	wanted[strcspn(wanted, "\n")] = 0;
	for (unsigned i = 0; i < n_aliases; i++)
		if (!aliases[i].module->was_tried && (!is_first || aliases[i].module->is_first) && fnmatch(aliases[i].pattern, wanted, 0) == 0)
			load(aliases[i].module);
}

int modules_load(bool is_first)
{
	glob_t found;
	int rc;

	if (n_modules == 0) {
		if ((rc = read_list()) < 0)
			return rc;
		for (unsigned i = 0; i < n_modules; i++)
			if (modules[i].is_always)
				load(&modules[i]);
	}
	if (glob("/sys/bus/*/devices/*/modalias", GLOB_NOSORT, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			load_for(found.gl_pathv[i], is_first);
		globfree(&found);
	}
	return 0;
}
