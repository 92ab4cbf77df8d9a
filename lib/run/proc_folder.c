/* A program's own folder below the state folder. */
#include "base/err.h"
#include "run/proc_impl.h"

#include <fcntl.h>
#include <unistd.h>

int proc_open_folder(const struct proc *p)
{
	int state = open(p->place.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (state < 0)
		return ERR_NOT_FOUND;
	int fd = openat(state, service_of(p->def->prog)->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	(void)close(state); /* read only */
	return fd < 0 ? ERR_NOT_FOUND : fd;
}
