#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { AWAY_S = 1 };

/* All of it; the host may be slow. False: it has gone. */
static bool put(int fd, struct bytes out)
{
	while (out.n > 0) {
		ssize_t n = write(fd, out.p, out.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		out = bytes_skip(out, (size_t)n);
	}
	return true;
}

/* One piece of the host's. 0 bytes: nobody has the port's other end open now. */
static int turn(struct guest *g, int fd)
{
	static const struct timespec away = { AWAY_S, 0 };
	uint8_t piece[4096];
	struct buf out;
	ssize_t n = read(fd, piece, sizeof piece);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0) {
		guest_forget(g);
		nanosleep(&away, NULL);
		return 0;
	}
	buf_init(&out, GUEST_OUT_MAX);
	guest_input(g, bytes_make(piece, (size_t)n), &out);
	if (!put(fd, buf_bytes(&out)))
		guest_forget(g);
	buf_fini(&out);
	if (g->end != GUEST_GOES_ON && !guest_power(g->end))
		fprintf(stderr, "gh-guest: the hypervisor asked for a shutdown, and the operators' shell does not answer\n");
	g->end = GUEST_GOES_ON;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct guest_machine machine = { guest_interfaces };
	struct guest g;
	int rc = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: gh-guest PORT\n");
		return 2;
	}
	int fd = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return EXIT_FAILURE;
	}
	guest_init(&g, &machine);
	while (rc == 0)
		rc = turn(&g, fd);
	fprintf(stderr, "gh-guest: %s: %s\n", argv[1], strerror(-rc));
	guest_fini(&g);
	(void)close(fd); /* nothing is left in it */
	return EXIT_FAILURE;
}
