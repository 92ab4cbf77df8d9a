#include "net/dns_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static size_t read_name(const uint8_t *p, char *out)
{
	size_t at = 0, n = 0;

	while (p[at]) {
		if (n)
			out[n++] = '.';
		memcpy(out + n, p + at + 1, p[at]);
		n += p[at];
		at += p[at] + 1u;
	}
	out[n] = 0;
	return at + 1;
}

static size_t put_answer(uint8_t *to, const struct server_row *row)
{
	uint8_t head[] = { 0xc0, 12, (uint8_t)(row->type >> 8), (uint8_t)row->type, 0, 1, 0, 0, 0, 60,
			   (uint8_t)(row->rdata_n >> 8), (uint8_t)row->rdata_n };

	memcpy(to, head, sizeof head);
	memcpy(to + sizeof head, row->rdata, row->rdata_n);
	return sizeof head + row->rdata_n;
}

static void serve(void *arg, unsigned events)
{
	struct dns_fixture *f = arg;
	uint8_t in[1500], out[4000];
	char name[300];
	struct sockaddr_in from;
	socklen_t from_n = sizeof from;
	ssize_t n = recvfrom(f->fd, in, sizeof in, 0, (struct sockaddr *)&from, &from_n);

	(void)events;
	if (n < 12)
		return;
	f->asked++;
	size_t question = read_name(in + 12, name) + 4;
	uint16_t type = (uint16_t)(in[12 + question - 4] << 8 | in[12 + question - 3]);
	size_t at = 12 + question;
	enum dns_fixture_mode mode = NXDOMAIN;
	memcpy(out, in, at);
	out[2] = 0x81;
	out[3] = 0x80;
	memset(out + 6, 0, 6);
	for (size_t i = 0; i < f->n_rows; i++) {
		if (f->rows[i].type != type || strcasecmp(f->rows[i].name, name) != 0)
			continue;
		mode = f->rows[i].mode;
		if (mode == ANSWER && f->rows[i].rdata) {
			at += put_answer(out + at, &f->rows[i]);
			out[7]++;
		}
	}
	if (mode == SILENT)
		return;
	if (mode == GARBAGE) {
		out[7] = 9; /* promises answers that do not come */
		at += 3;
	}
	out[3] |= mode == SERVFAIL ? 2 : mode == NXDOMAIN ? 3 : 0;
	if (f->says_ad && in[3] & 0x20)
		out[3] |= 0x20;
	MUST(sendto(f->fd, out, at, 0, (struct sockaddr *)&from, from_n) > 0);
}

void dns_fixture_open(struct dns_fixture *f, struct loop *l, const struct server_row *rows, size_t n_rows, bool validates)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t at_n = sizeof at;
	char text[64];
	const char *servers[] = { text };

	*f = (struct dns_fixture){ .loop = l, .rows = rows, .n_rows = n_rows };
	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	MUST(bind(f->fd, (struct sockaddr *)&at, sizeof at) == 0);
	MUST(getsockname(f->fd, (struct sockaddr *)&at, &at_n) == 0);
	MUST(loop_watch_add(l, &f->watch, f->fd, LOOP_READ, serve, f) == 0);
	snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(at.sin_port));
	f->dns = dns_new(l);
	struct dns_config c = { .servers = servers, .n_servers = 1, .query_ms = 300, .budget_ms = 1000, .validates = validates };
	MUST(f->dns && dns_configure(f->dns, &c) == 0);
}

void dns_fixture_address(const struct dns_fixture *f, char out[static 64])
{
	struct sockaddr_in at;
	socklen_t at_n = sizeof at;

	MUST(getsockname(f->fd, (struct sockaddr *)&at, &at_n) == 0);
	snprintf(out, 64, "127.0.0.1:%u", ntohs(at.sin_port));
}

void dns_fixture_close(struct dns_fixture *f)
{
	dns_free(f->dns);
	loop_watch_del(&f->watch);
	close(f->fd);
}
