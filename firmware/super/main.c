#include "super.h"

#include "base/err.h"
#include "base/log.h"
#include "run/files_limit.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { UID_BASE = 61000 };

static const struct option options[] = {
	{ "bin", required_argument, NULL, 'b' },
	{ "state", required_argument, NULL, 's' },
	{ "run", required_argument, NULL, 'r' },
	{ "uid-base", required_argument, NULL, 'u' },
	{ "operators-gid", required_argument, NULL, 'g' },
	{ "appliance", no_argument, NULL, 'a' },
	{ 0 },
};

static int parse(struct super *s, int argc, char **argv)
{
	uint64_t v;

	s->uid_base = geteuid() == 0 ? UID_BASE : 0;
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'b')
			s->bin = optarg;
		else if (o == 's')
			s->state = optarg;
		else if (o == 'r')
			s->run = optarg;
		else if (o == 'u' && geteuid() == 0 && !bytes_to_u64(bytes_of(optarg), 1u << 31, &v) && v > 0)
			s->uid_base = (unsigned)v;
		else if (o == 'g' && !bytes_to_u64(bytes_of(optarg), 1u << 31, &v) && v > 0)
			s->operators_gid = (gid_t)v;
		else if (o == 'a' && geteuid() == 0)
			s->is_appliance = true;
		else
			return ERR_UNKNOWN;
	}
	return s->bin && s->state && s->run ? 0 : ERR_NOT_FOUND;
}

/* Whatever we were started with: no socket of ours may become a program's standard descriptor, and
 * programs read nothing from a terminal. */
static void fill_standard_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = dup(fd);
	if (fd < 0)
		return; /* no /dev/null: then they stay as they are */
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	close(fd);
}

int main(int argc, char **argv)
{
	struct super *s = calloc(1, sizeof *s);

	if (!s)
		return 1;
	log_open(prog_name(PROG_SUPER), 0, LOG_LEVEL_INFO);
	if (parse(s, argc, argv)) {
		fprintf(stderr, "usage: gh-super --bin DIR --state DIR --run DIR [--uid-base N] [--operators-gid N] [--appliance]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	fill_standard_descriptors();
	files_limit_raise(); /* each program limits itself further by its row */
	struct loop *loop = loop_new(LOOP_POLL);
	int rc = loop ? super_open(s, loop) : ERR_NOMEM;
	if (!rc)
		rc = stage_begin(s);
	if (!rc) {
		children_adjust(s);
		loop_run(loop);
		rc = s->has_failed ? ERR_SYS : 0;
	}
	super_close(s);
	loop_free(loop);
	free(s);
	return rc ? 1 : 0;
}
