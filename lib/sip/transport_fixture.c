#include "sip/transport_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void answer(struct party *p, struct sipmsg *m, const struct sip_source *from)
{
	struct sipmsg *r = sipmsg_response_new(m, 200, NULL, "tag");
	struct sip_via via;
	struct buf out;

	buf_init(&out, SIPMSG_MAX_BYTES);
	MUST(r && sipmsg_print(r, &out) == 0 && sipmsg_via(m, 0, &via));
	MUST(siptransports_answer(p->t, from, &via, buf_bytes(&out)) == 0);
	sipmsg_free(r);
	buf_fini(&out);
}

static void on_message(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct party *p = arg;
	struct bytes subject = sipmsg_value(m, SIPH_SUBJECT, 0);

	p->n_messages++;
	p->from = *from;
	snprintf(p->subject, sizeof p->subject, "%.*s", BYTES_FMT(subject));
	if (p->pauses)
		siptransports_pause(p->t, true);
	if (p->answers && sipmsg_is_request(m))
		answer(p, m, from);
	if (p->closes)
		siptransports_close_flow(p->t, from->flow);
	sipmsg_free(m);
}

static void on_failed(void *arg, uint64_t token, int rc, const char *words)
{
	struct party *p = arg;

	if (p->n_failed < PARTY_FAILED_MAX)
		p->failed[p->n_failed] = token;
	p->n_failed++;
	p->failed_rc = rc;
	snprintf(p->failed_words, sizeof p->failed_words, "%s", words);
}

static void on_closed(void *arg, uint64_t flow, int why)
{
	struct party *p = arg;

	(void)flow;
	p->n_closed++;
	p->closed_why = why;
}

static const struct siptransport_owner owner = { .message = on_message, .failed = on_failed, .closed = on_closed };

void party_open(struct party *p, struct loop *l)
{
	*p = (struct party){ .answers = true };
	p->t = siptransports_new(l, &owner, p);
	MUST(p->t);
}

void party_close(struct party *p)
{
	siptransports_free(p->t);
	tls_store_free(p->store);
}

void party_listen(struct party *p, enum siptransport how, bool is_mutual, bool is_v6)
{
	struct sip_place *at = &p->place[how];
	socklen_t n = sizeof at->addr;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, how == SIPT_UDP ? SOCK_DGRAM : SOCK_STREAM, 0);

	at->transport = how;
	MUST(sip_sockaddr_of(bytes_of(is_v6 ? "::1" : "127.0.0.1"), 0, &at->addr) == 0);
	MUST(bind(fd, &at->addr.any, sip_sockaddr_len(&at->addr)) == 0);
	MUST(getsockname(fd, &at->addr.any, &n) == 0);
	MUST(how == SIPT_UDP || listen(fd, 100) == 0);
	MUST(siptransports_listen(p->t, how, is_mutual, fd, &p->listener[how]) == 0);
}

void party_set_tls(struct party *p, const struct pki_cert *root, const struct party_certificate *c, size_t n)
{
	struct tls_store *s = tls_store_new(NULL);

	MUST(s && tls_store_trust_anchor(s, BYTES("root"), pki_pem(root)) == 0);
	for (size_t i = 0; i < n; i++) {
		(void)tls_store_add_certificate(s, bytes_of(c[i].domain), pki_pem(c[i].cert)); /* the peer judges */
		(void)tls_store_add_domain(s, c[i].domain, bytes_of(c[i].domain));
	}
	siptransports_set_tls(p->t, s);
	siptransports_set_default_domain(p->t, n ? c[0].domain : NULL);
	tls_store_free(p->store);
	p->store = s;
}

struct bytes party_request(enum siptransport how, const char *sent_by, const char *subject)
{
	static char text[4096];
	static unsigned serial;
	int n = snprintf(text, sizeof text,
	                 "MESSAGE sip:b@b.example SIP/2.0\r\n"
	                 "Via: SIP/2.0/%s %s;branch=z9hG4bK%u\r\n"
	                 "Max-Forwards: 70\r\nFrom: <sip:a@a.example>;tag=1\r\nTo: <sip:b@b.example>\r\n"
	                 "Call-ID: %u\r\nCSeq: 1 MESSAGE\r\nSubject: %s\r\n"
	                 "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
	                 siptransport_name(how), sent_by, serial, serial, subject);

	serial++;
	MUST(n > 0 && (size_t)n < sizeof text);
	return bytes_make(text, (size_t)n);
}

bool party_wait(struct loop *l, const unsigned *what, unsigned n)
{
	uint64_t end = loop_now(l) + 3000;

	while (*what < n && loop_now(l) < end)
		loop_turn(l, 10);
	return *what >= n;
}

void party_turns(struct loop *l, unsigned n)
{
	while (n--)
		loop_turn(l, 1);
}

int party_stranger(const struct sip_place *to)
{
	int fd = socket(to->addr.any.sa_family, to->transport == SIPT_UDP ? SOCK_DGRAM : SOCK_STREAM, 0);

	MUST(fd >= 0 && connect(fd, &to->addr.any, sip_sockaddr_len(&to->addr)) == 0);
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}
