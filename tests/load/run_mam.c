/* gh-load mam: pages of people's archives (XEP-0313), each question from another person. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAGE = 50, STRIDE = 7919 };

static unsigned long results;
static unsigned next_asker;

/* The newest page; with --from and --to one that begins at some time between them; with --words what has one of so many words in it. */
static void put_where(char *text, size_t room)
{
	char at[32];
	time_t when = (time_t)run.from_s;

	if (run.words) {
		snprintf(text, room,
			 "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
			 "<field var='{urn:xmpp:fulltext:0}fulltext'><value>word%u</value></field></x>", (unsigned)rand() % run.words);
		return;
	}
	if (!run.to_s) {
		snprintf(text, room, "<set xmlns='http://jabber.org/protocol/rsm'><max>%d</max><before/></set>", PAGE);
		return;
	}
	when += (time_t)((double)rand() / RAND_MAX * (double)(run.to_s - run.from_s));
	strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime(&when));
	snprintf(text, room,
		 "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
		 "<field var='start'><value>%s</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>%d</max></set>", at, PAGE);
}

static void ask_one(void)
{
	char where[512], text[1024];
	struct client *c = &run.clients[next_asker];

	next_asker = (next_asker + STRIDE) % run.users;
	put_where(where, sizeof where);
	client_send(c, text, (size_t)snprintf(text, sizeof text, "<iq type='set' id='%llx'><query xmlns='urn:xmpp:mam:2'>%s</query></iq>",
					      (unsigned long long)run_now_us(), where));
	client_flush(c);
}

static void on_iq(struct client *c, struct bytes stanza)
{
	if (!memmem(stanza.p, stanza.n, "<fin", 4)) {
		c->plan->on.gone(c, "a question was refused");
		return;
	}
	run_count_message(stanza);
	ask_one();
}

static void on_message(struct client *c, struct bytes stanza)
{
	(void)c;
	(void)stanza;
	results++;
}

int run_mam(void)
{
	bool is_good = run_log_all_in();

	run.plan.on.iq = on_iq;
	run.plan.on.message = on_message;
	for (unsigned i = 0; is_good && i < run.pairs; i++)
		ask_one();
	run_spin(1); /* warm up */
	printf("{\"mode\":\"mam\",\"clients\":%u,\"in_flight\":%u,\"rounds\":[", run.ready, run.pairs);
	unsigned long asked = 0;
	results = 0;
	for (unsigned i = 0; is_good && i < run.rounds; i++) {
		struct run_measure m;
		run_measure_begin(&m);
		while (meter_now() - m.start < run.seconds && run.failures == 0)
			run_turn(20);
		unsigned long n = run_measure_print(&m, i == 0);
		is_good &= n > 0;
		asked += n;
	}
	printf("],\"results_per_page\":%.1f}\n", asked ? (double)results / (double)asked : 0);
	run_stop_all();
	return run_finish(is_good);
}
