#include "run/files_limit.h"

#include "base/log.h"

#include <sys/resource.h>

enum { OWN = 64 }; /* listeners, channels to other programs, what the loop has */

void files_limit_raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files); /* programs say what they got */
}

void files_limit_promise(const char *setting, uint64_t connections, unsigned each)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && connections * each + OWN > files.rlim_cur)
		log_warn("files.limit", LOG_STR("setting", setting), LOG_INT("wanted", connections * each + OWN), LOG_INT("limit", files.rlim_cur));
}
