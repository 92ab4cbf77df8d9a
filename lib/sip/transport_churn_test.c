/* Two servers and strangers who do whatever they like, in an order that a seed decides: afterwards the owner has
 * heard of every message once, and nothing is left over (freeswitch/sofia-sip#154: closed connections pile up). */
#include "sip/transport.h"

#include "base/err.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "sip/transport_fixture.h"
#include "sip/transport_impl.h"

enum { STRANGERS = 12, STEPS = 1500, SEEDS = 4 };

struct world {
	struct loop *loop;
	struct party a, b;
	struct pki_cert root, a_cert, b_cert;
	int strangers[STRANGERS];
	unsigned sent; /* by a, on connections */
	uint64_t token;
	uint32_t seed;
};

static uint32_t draw(struct world *w, uint32_t below)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (w->seed >> 8) % below;
}

static void set_tls(struct world *w)
{
	party_set_tls(&w->b, &w->root, &(struct party_certificate){ "b.example", &w->b_cert }, 1);
}

static void step_send(struct world *w)
{
	enum siptransport how = draw(w, 8) ? draw(w, 2) ? SIPT_TLS : SIPT_TCP : SIPT_UDP;
	struct sip_place p = w->b.place[how];
	unsigned n = 1 + draw(w, 4);

	/* several connections to one address, of which one name in five is refused */
	snprintf(p.name, sizeof p.name, "%s", draw(w, 5) ? "b.example" : "x.example");
	snprintf(p.local, sizeof p.local, "%s", draw(w, 2) ? "a.example" : "");
	while (n--) {
		int rc = siptransports_send(w->a.t, &p, ++w->token, party_request(how, "a.example;rport", "x"));
		assert_true(rc == 0 || rc == ERR_FULL || rc == ERR_LIMIT);
		w->sent += rc == 0 && how != SIPT_UDP;
	}
}

static void step_close(struct world *w)
{
	struct party *p = draw(w, 2) ? &w->a : &w->b;

	siptransports_close_flow(p->t, p->from.flow);
}

static void step_alias(struct world *w)
{
	struct sip_place p = w->a.place[SIPT_TCP];

	siptransports_alias(w->b.t, w->b.from.flow, &p);
	siptransports_know(w->b.t, w->b.from.flow);
}

static void step_pause(struct world *w)
{
	struct party *p = draw(w, 2) ? &w->a : &w->b;

	siptransports_pause(p->t, draw(w, 2));
}

static void step_mood(struct world *w)
{
	w->b.closes = draw(w, 6) == 0;
	w->b.pauses = draw(w, 10) == 0;
}

static void step_stranger(struct world *w)
{
	static const char *const says[] = { "\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\x00\x05xxxxx", "MESSAGE sip:b SIP/2.0\r\nVia",
		                            "MESSAGE sip:b@b.example SIP/2.0\r\nContent-Length: -1\r\n\r\n" };
	int *fd = &w->strangers[draw(w, STRANGERS)];

	if (*fd < 0) {
		*fd = party_stranger(&w->b.place[draw(w, 2) ? SIPT_TLS : SIPT_TCP]);
	} else if (draw(w, 3)) {
		const char *text = says[draw(w, sizeof says / sizeof says[0])];
		(void)send(*fd, text, strlen(text), MSG_NOSIGNAL); /* it may be over already */
	} else {
		close(*fd);
		*fd = -1;
	}
}

static void step_listener(struct world *w)
{
	if (draw(w, 10))
		return;
	enum siptransport how = draw(w, SIPT_PLACES);
	siptransports_unlisten(w->b.t, w->b.listener[how]);
	party_listen(&w->b, how, false, false);
}

static void step_reload(struct world *w)
{
	if (draw(w, 20) == 0)
		set_tls(w);
}

static void step_turn(struct world *w)
{
	loop_turn(w->loop, draw(w, 3));
}

static void churn(struct world *w)
{
	static void (*const steps[])(struct world *) = { step_send, step_send, step_turn, step_turn, step_turn, step_stranger,
		                                         step_close, step_alias, step_pause, step_mood, step_listener, step_reload };

	for (unsigned i = 0; i < STEPS; i++)
		steps[draw(w, sizeof steps / sizeof steps[0])](w);
}

static void settle(struct world *w)
{
	uint64_t end = loop_now(w->loop) + 6000;

	w->b.closes = w->b.pauses = false;
	for (int i = 0; i < STRANGERS; i++)
		if (w->strangers[i] >= 0)
			close(w->strangers[i]);
	while ((w->a.t->flows.count || w->b.t->flows.count) && loop_now(w->loop) < end) {
		siptransports_pause(w->a.t, false);
		siptransports_pause(w->b.t, false);
		loop_turn(w->loop, 20);
	}
}

static void nothing_is_lost_or_left(void **state)
{
	static const struct siptransport_config config = {
		.connections_max = 24, .per_address_max = 14, .idle_ms = 700, .handshake_ms = 500,
		.half_ms = 400, .first_ms = 300, .queue_max = 30000,
	};

	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct world *w = test_calloc(1, sizeof *w);
		w->seed = seed;
		w->loop = loop_new(LOOP_LIBEVENT);
		w->root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
		w->a_cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example" }, &w->root);
		w->b_cert = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example" }, &w->root);
		party_open(&w->a, w->loop);
		party_open(&w->b, w->loop);
		siptransports_configure(w->a.t, &config);
		siptransports_configure(w->b.t, &config);
		party_set_tls(&w->a, &w->root, &(struct party_certificate){ "a.example", &w->a_cert }, 1);
		set_tls(w);
		party_listen(&w->a, SIPT_UDP, false, false);
		party_listen(&w->a, SIPT_TCP, false, false);
		for (enum siptransport how = 0; how < SIPT_PLACES; how++)
			party_listen(&w->b, how, false, false);
		memset(w->strangers, 0xff, sizeof w->strangers);
		churn(w);
		settle(w);
		print_message("seed %u: %u sent, %u answered, %u failed or over\n", seed, w->sent, w->a.n_messages, w->a.n_failed);
		assert_int_equal(w->a.t->flows.count + w->b.t->flows.count, 0);
		assert_int_equal(w->a.t->places.count + w->b.t->places.count, 0);
		assert_int_equal(w->a.t->addresses.map.count + w->b.t->addresses.map.count, 0);
		assert_true(list_is_empty(&w->a.t->conns) && list_is_empty(&w->b.t->conns));
		assert_true(w->sent > 300 && w->a.n_messages > 100 && w->a.n_failed > 10); /* of each kind enough */
		assert_int_equal(w->a.n_failed, w->sent); /* each comes back once, at the latest with its connection */
		party_close(&w->a);
		party_close(&w->b);
		pki_free(&w->root);
		pki_free(&w->a_cert);
		pki_free(&w->b_cert);
		loop_free(w->loop);
		test_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_left),
	};

	signal(SIGPIPE, SIG_IGN); /* as the programs do */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
