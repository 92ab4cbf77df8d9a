#include "sip_side.h"

#include <arpa/inet.h>
#include <time.h>

const char *const sipside_text =
	"Here is a line of one hundred characters that two people might well say to each other over lunch. :)";

uint64_t sipside_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int sipside_open(struct sipside *s)
{
	struct sockaddr_in at = s->local;
	socklen_t n = sizeof at;

	int rc = s->kind == SIPWIRE_UDP ? sipwire_listen(&s->wire, &s->plan, s->kind, &s->local)
				    : sipwire_connect(&s->wire, &s->plan, s->kind, &s->server, &s->local);
	if (rc)
		return rc;
	int fd = s->kind == SIPWIRE_UDP ? s->wire.watch.fd : s->wire.link.watch.fd;
	getsockname(fd, (struct sockaddr *)&at, &n);
	inet_ntop(AF_INET, &s->local.sin_addr, s->host, sizeof s->host);
	s->port = ntohs(at.sin_port);
	return 0;
}

void sipside_send(struct sipside *s, struct bytes message)
{
	sipwire_send(&s->wire, &s->server, message);
}
