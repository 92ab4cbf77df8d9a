#include "port.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIES = 200 };

static bool is_free(const char *addr, uint16_t port, int kind)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1, fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);
	bool is_bound = false;

	if (fd < 0)
		return false;
	/* As gh-super does: what only waits for the end of an old connection is not in the way. */
	if (inet_pton(AF_INET, addr, &at.sin_addr) == 1 &&
	    (kind != SOCK_STREAM || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0))
		is_bound = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
	(void)close(fd); /* it was only a question */
	return is_bound;
}

uint16_t port_free(const char *addr, uint16_t wanted)
{
	for (uint16_t p = wanted; p < wanted + TRIES; p++) {
		if (is_free(addr, p, SOCK_STREAM) && is_free(addr, p, SOCK_DGRAM))
			return p;
	}
	return 0;
}
