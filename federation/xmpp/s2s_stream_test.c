/* The engines against each other and against strangers, on a virtual clock. Each lesson of
 * spec/xmpp.md that concerns a stream is a test here, by its number. */
#include "s2s_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/dialback.h"

#define ALLOW "federation mode = open\n"
#define DIALBACK ALLOW "federation peer a.example auth = dialback-allowed\n" \
	"federation peer b.example auth = dialback-allowed\n"
#define NO_SM "federation stream-management = off\n"
#define NO_BIDI "federation bidi = off\n"
#define TLS_OPTIONAL "federation peer a.example tls = optional\nfederation peer b.example tls = optional\n"
#define HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " \
	"xmlns:stream='http://etherx.jabber.org/streams' "
#define FROM_A HEADER "from='a.example' to='b.example' version='1.0'>"
#define MESSAGE "<message from='u@a.example/r' to='v@b.example' type='chat'><body>hi</body></message>"

static struct party a, b;
static struct line l;

static void begin(const char *rows_a, const char *rows_b)
{
	party_init(&a, "a.example", rows_a);
	party_init(&b, "b.example", rows_b);
}

static void end(void)
{
	line_close(&l);
	party_fini(&a);
	party_fini(&b);
}

/* Lesson 4: every transport with every proof. Both engines, so both directions. */
static void test_matrix(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		bool is_direct = i & 1, is_dialback = i & 2, has_sm = i & 4;
		char rows[300];
		snprintf(rows, sizeof rows, "%s%s", is_dialback ? DIALBACK : ALLOW, has_sm ? "" : NO_SM);
		begin(rows, rows);
		if (is_dialback)
			a.proof_rc = b.proof_rc = ERR_CERT_SELF_SIGNED;
		line_open(&l, &a, &b, is_direct, false);
		assert_int_equal(l.out.stream.state, SS_READY);
		assert_int_equal(l.in.stream.state, SS_READY);
		assert_int_equal(a.n_ready, 1);
		assert_int_equal(line_has(&l, "mechanism='EXTERNAL'"), !is_dialback);
		assert_int_equal(line_has(&l, "<db:result"), is_dialback);
		assert_int_equal(line_has(&l, "<starttls"), !is_direct);
		assert_int_equal(l.out.stream.sm.is_on, has_sm);
		line_send(&l, MESSAGE);
		assert_int_equal(b.n_delivered, 1);
		assert_string_equal(b.last_from, "u@a.example/r");
		assert_string_equal(b.last_to, "v@b.example");
		if (has_sm)
			assert_int_equal(a.acked, 1);
		end();
	}
}

/* Lesson 2: EXTERNAL is offered only when the certificate proves `from`; dialback otherwise, if the
 * row allows it; with neither the refusal names the cause (lesson 8). */
static void test_offer(void **state)
{
	static const struct {
		int proof_rc;
		const char *rows;
		bool external, dialback;
		const char *refusal;
	} rows[] = {
		{ 0, ALLOW, true, false, NULL },
		{ ERR_CERT_EXPIRED, ALLOW, false, false, "certificate has expired" },
		{ ERR_CERT_NAME, ALLOW, false, false, "certificate is not valid for this name" },
		{ ERR_CERT_SELF_SIGNED, ALLOW, false, false, "certificate is self-signed" },
		{ ERR_CERT_UNKNOWN_CA, ALLOW, false, false, "certificate is from an unknown authority" },
		{ ERR_CERT_EXPIRED, DIALBACK, false, true, NULL },
		{ 0, DIALBACK, true, false, NULL },
		{ 0, ALLOW "federation peer a.example auth = dialback-only\n", false, true, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		begin(ALLOW, rows[i].rows);
		a.proof_rc = rows[i].proof_rc;
		line_meet(&l, &a, &b, true);
		line_say(&l, FROM_A);
		assert_int_equal(line_has(&l, "<mechanism>EXTERNAL"), rows[i].external);
		assert_int_equal(line_has(&l, NS_DIALBACK_FEATURE), rows[i].dialback);
		assert_int_equal(line_has(&l, "<not-authorized"), rows[i].refusal != NULL);
		if (rows[i].refusal) {
			assert_true(line_has(&l, rows[i].refusal));
			assert_int_equal(l.in.stream.why.rung, RUNG_CERTIFICATE);
			assert_int_equal(l.in.stream.why.rc, rows[i].proof_rc);
			assert_true(l.in.is_shut);
		}
		end();
	}
}

/* Lesson 3: before TLS nothing but STARTTLS is offered or taken; and each stream error is the one
 * that RFC 6120 4.9.3 names. */
static void test_order_and_errors(void **state)
{
	static const struct {
		const char *what;
		bool is_secure;
		const char *say, *error;
	} rows[] = {
		{ "EXTERNAL before TLS", false, FROM_A "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>", "<not-authorized" },
		{ "stanza before TLS", false, FROM_A MESSAGE, "<not-authorized" },
		{ "stanza before proof", true, FROM_A MESSAGE, "<not-authorized" },
		{ "sm before proof", true, FROM_A "<enable xmlns='urn:xmpp:sm:3'/>", "<not-authorized" },
		{ "starttls inside TLS", true, FROM_A "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<not-authorized" },
		{ "unknown host", false, HEADER "from='a.example' to='x.example' version='1.0'>", "<host-unknown" },
		{ "no to", false, HEADER "from='a.example' version='1.0'>", "<improper-addressing" },
		{ "bad to", false, HEADER "from='a.example' to='a@b@c' version='1.0'>", "<improper-addressing" },
		{ "bad from", false, HEADER "from='@' to='b.example' version='1.0'>", "<improper-addressing" },
		{ "our own domain", false, HEADER "from='b.example' to='b.example' version='1.0'>", "<invalid-from" },
		{ "no version", false, HEADER "from='a.example' to='b.example'>", "<unsupported-version" },
		{ "client namespace", false, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='b.example' version='1.0'>", "<invalid-namespace" },
		{ "denied domain", false, HEADER "from='bad.example' to='b.example' version='1.0'>", "<policy-violation" },
		{ "no from in TLS", true, HEADER "to='b.example' version='1.0'>", "<improper-addressing" },
		{ "entity", false, "<!DOCTYPE x [<!ENTITY e 'x'>]>" FROM_A, "<restricted-xml" },
		{ "comment", false, FROM_A "<!-- x --><a/>", "<restricted-xml" },
		{ "not well-formed", false, FROM_A "<a></b>", "<not-well-formed" },
		{ "a stream in a stream", false, FROM_A "<stream:stream to='b.example'/>", "<bad-format" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		begin(ALLOW, ALLOW "federation peer bad.example action = deny\n");
		line_meet(&l, &a, &b, rows[i].is_secure);
		line_say(&l, rows[i].say);
		if (!line_has(&l, rows[i].error) || !line_has(&l, "</stream:stream>"))
			fail_msg("%s: no %s in %s", rows[i].what, rows[i].error, buf_cstr(&l.log));
		assert_true(line_has(&l, "<stream:stream")); /* a header before the error */
		assert_int_equal(l.in.stream.state, SS_DEAD);
		assert_true(l.in.is_shut);
		assert_int_equal(b.n_delivered, 0);
		end();
	}
}

/* RFC 6120 5.4.3.3: what is pipelined behind <starttls/> is dropped. */
static void test_starttls_injection(void **state)
{
	(void)state;
	begin(ALLOW, ALLOW);
	line_meet(&l, &a, &b, false);
	line_say(&l, FROM_A "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" FROM_A
	             "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
	assert_true(line_has(&l, "<proceed"));
	assert_int_equal(l.in.stream.state, SS_IN_HANDSHAKE);
	line_say(&l, MESSAGE); /* clear bytes during the handshake */
	struct stream_out out = { .bytes = &l.in.out };
	stream_secured(&l.in.stream, true, l.now_ms, &out);
	line_say(&l, "");
	assert_int_equal(l.in.stream.state, SS_IN_TLS_HEADER);
	assert_false(line_has(&l, "<success"));
	end();
}

static void open_external(const char *rows_a, const char *rows_b)
{
	begin(rows_a, rows_b);
	line_open(&l, &a, &b, false, false);
	assert_int_equal(l.out.stream.state, SS_READY);
}

/* On an established stream: addresses. */
static void test_addresses(void **state)
{
	static const struct {
		const char *stanza, *error;
	} rows[] = {
		{ "<message from='u@c.example' to='v@b.example'/>", "<invalid-from" },
		{ "<message from='u@b.example' to='v@b.example'/>", "<invalid-from" },
		{ "<message to='v@b.example'/>", "<improper-addressing" },
		{ "<message from='u@a.example'/>", "<improper-addressing" },
		{ "<message from='u@a.example' to='@b.example'/>", "<improper-addressing" },
		{ "<message from='u@a.example' to='v@c.example'/>", "<host-unknown" },
		{ "<foo xmlns='jabber:server'/>", "<unsupported-stanza-type" },
		{ "<message xmlns='jabber:client' from='u@a.example' to='v@b.example'/>", "<invalid-namespace" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		open_external(ALLOW, ALLOW);
		line_send(&l, rows[i].stanza);
		if (!line_has(&l, rows[i].error))
			fail_msg("%s: no %s in %s", rows[i].stanza, rows[i].error, buf_cstr(&l.log));
		assert_int_equal(b.n_delivered, 0);
		assert_int_equal(l.in.stream.state, SS_DEAD);
		end();
	}
	/* an iq that is none is answered, not fatal */
	open_external(ALLOW, ALLOW);
	line_send(&l, "<iq from='u@a.example' to='v@b.example' id='1' type='nonsense'/>");
	assert_int_equal(b.n_delivered, 1);
	assert_int_equal(b.delivered_rc, ERR_SYNTAX);
	assert_int_equal(l.in.stream.state, SS_READY);
	end();
}

/* XEP-0288: stanzas both ways on one stream. */
static void test_bidi(void **state)
{
	(void)state;
	open_external(ALLOW, ALLOW);
	assert_true(l.out.stream.is_bidi);
	assert_true(l.in.stream.is_bidi);
	assert_int_equal(b.n_ready, 1); /* b may answer on it */
	struct stream_out out = { .bytes = &l.in.out };
	stream_send_stanza(&l.in.stream, BYTES("<message from='v@b.example' to='u@a.example'/>"), l.now_ms, &out);
	stream_batch_end(&l.in.stream, l.now_ms, &out);
	line_run(&l);
	assert_int_equal(a.n_delivered, 1);
	assert_int_equal(b.acked, 1);
	end();
	/* without it the other direction is refused */
	open_external(ALLOW NO_BIDI, ALLOW);
	assert_false(l.in.stream.is_bidi);
	assert_int_equal(b.n_ready, 0);
	buf_put_str(&l.in.out, "<message from='v@b.example' to='u@a.example'/>");
	line_run(&l);
	assert_true(line_has(&l, "<invalid-from"));
	assert_int_equal(a.n_delivered, 0);
	end();
	/* a peer that is known by dialback only is not believed on our stream */
	begin(DIALBACK, DIALBACK);
	a.proof_rc = b.proof_rc = ERR_CERT_EXPIRED;
	line_open(&l, &a, &b, false, false);
	assert_int_equal(l.out.stream.state, SS_READY);
	assert_false(l.out.stream.is_bidi);
	end();
}

/* Outgoing: a peer with a bad certificate is left before anything is said inside TLS. */
static void test_out_refuses(void **state)
{
	(void)state;
	begin(ALLOW, ALLOW);
	b.proof_rc = ERR_CERT_EXPIRED;
	line_open(&l, &a, &b, false, false);
	assert_int_equal(l.out.stream.state, SS_DEAD);
	assert_int_equal(l.out.stream.why.rung, RUNG_CERTIFICATE);
	assert_int_equal(l.out.stream.why.rc, ERR_CERT_EXPIRED);
	assert_int_equal(a.n_ready, 0);
	end();
	/* the peer does not believe our certificate and offers dialback, which the row does not allow */
	begin(ALLOW, DIALBACK);
	a.proof_rc = ERR_CERT_UNKNOWN_CA;
	line_open(&l, &a, &b, false, false);
	assert_int_equal(l.out.stream.why.rung, RUNG_AUTH);
	assert_int_equal(l.out.stream.why.rc, ERR_UNSUPPORTED);
	assert_false(line_has(&l, "<db:result"));
	end();
}

#define EXTERNAL "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define OFFER(f) HEADER "from='b.example' to='a.example' id='1' version='1.0'><stream:features>" f "</stream:features>"

/* Lesson 3, the other way: what a peer offers in clear is not taken where TLS is required, and our
 * certificate is never shown without it. */
static void test_out_order(void **state)
{
	static const struct {
		const char *rows, *hear;
		enum rung rung;
		int rc;
	} rows[] = {
		{ ALLOW, OFFER(EXTERNAL), RUNG_TLS, ERR_UNSUPPORTED },
		{ DIALBACK, OFFER(EXTERNAL "<dialback xmlns='urn:xmpp:features:dialback'/>"), RUNG_TLS, ERR_UNSUPPORTED },
		{ ALLOW TLS_OPTIONAL, OFFER(EXTERNAL), RUNG_AUTH, ERR_UNSUPPORTED },
		{ ALLOW, OFFER(STARTTLS EXTERNAL) "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", RUNG_TLS, ERR_TLS },
		{ ALLOW, OFFER(STARTTLS EXTERNAL) "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", RUNG_STREAM, ERR_BAD_STATE },
		{ ALLOW, HEADER "from='c.example' id='1' version='1.0'>", RUNG_STREAM, ERR_PROTOCOL },
		{ ALLOW, HEADER "from='b.example' id='1'>", RUNG_STREAM, ERR_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		begin(rows[i].rows, ALLOW);
		line_call(&l, &a, &b);
		line_hear(&l, rows[i].hear);
		assert_int_equal(l.out.stream.state, SS_DEAD);
		assert_int_equal(l.out.stream.why.rung, rows[i].rung);
		assert_int_equal(l.out.stream.why.rc, rows[i].rc);
		assert_false(line_has(&l, "<auth"));
		assert_false(line_has(&l, "<db:result"));
		end();
	}
	/* RFC 6120 5.4.3.3: what comes behind <proceed/> in clear is nothing */
	begin(ALLOW, ALLOW);
	line_call(&l, &a, &b);
	line_hear(&l, OFFER(STARTTLS) "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" OFFER(EXTERNAL));
	assert_int_equal(l.out.stream.state, SS_OUT_HANDSHAKE);
	line_hear(&l, OFFER(EXTERNAL));
	assert_int_equal(l.out.stream.state, SS_OUT_HANDSHAKE);
	assert_false(line_has(&l, "<auth"));
	end();
}

/* XEP-0220: a wrong key is invalid, at the authoritative server and so at the receiving one. */
static void test_dialback_keys(void **state)
{
	char key[DIALBACK_KEY_BYTES], say[600];

	(void)state;
	begin(DIALBACK, DIALBACK);
	a.proof_rc = b.proof_rc = ERR_CERT_SELF_SIGNED;
	line_meet(&l, &a, &b, true);
	line_say(&l, FROM_A "<db:result from='a.example' to='b.example'>1e701f120f66824b57303384e83b51feba858024fd2221d39f7acc52dcf767a9</db:result>");
	assert_true(line_has(&l, "type='invalid'"));
	assert_int_equal(l.in.stream.n_proven, 0);
	line_say(&l, MESSAGE);
	assert_true(line_has(&l, "<not-authorized"));
	end();

	/* authoritative role: keys of this stream id and these domains only */
	begin(DIALBACK, DIALBACK);
	line_meet(&l, &a, &b, true);
	dialback_key(b.env.dialback_secret, BYTES("a.example"), BYTES("b.example"), BYTES("s1"), key);
	snprintf(say, sizeof say, FROM_A "<db:verify from='a.example' to='b.example' id='s1'>%s</db:verify>", key);
	line_say(&l, say);
	assert_true(line_has(&l, "id='s1' type='valid'"));
	snprintf(say, sizeof say, "<db:verify from='a.example' to='b.example' id='s2'>%s</db:verify>", key);
	line_say(&l, say);
	assert_true(line_has(&l, "id='s2' type='invalid'"));
	line_say(&l, "<db:verify from='a.example' to='x.example' id='s3'>k</db:verify>");
	assert_true(line_has(&l, "<item-not-found"));
	assert_int_equal(l.in.stream.state, SS_IN_AUTH); /* the stream lives on */
	end();
}

/* XEP-0344: a certificate that proves the domain needs no question; more pairs on one stream, each
 * judged by itself; errors typed. */
static void test_more_pairs(void **state)
{
	(void)state;
	open_external(ALLOW "domain a2.example certificate = c\n", ALLOW);
	a.n_ready = 0;
	struct stream_out out = { .bytes = &l.out.out };
	assert_int_equal(stream_want_pair(&l.out.stream, BYTES("a2.example"), l.now_ms, &out), 0);
	line_run(&l);
	/* b finds that a's certificate does not prove a2, and its row forbids dialback */
	assert_true(line_has(&l, "type='error'"));
	assert_int_equal(a.n_failed, 1);
	assert_int_equal(a.last_why.rung, RUNG_DIALBACK);
	assert_int_equal(l.out.stream.state, SS_READY);
	/* a pair whose domain the certificate proves */
	struct stream_out in = { .bytes = &l.in.out };
	(void)in;
	line_say(&l, "<db:result from='a.example' to='b.example'>x</db:result>");
	assert_true(line_has(&l, "type='valid'"));
	line_say(&l, "<db:result from='a.example' to='nobody.example'>x</db:result>");
	assert_true(line_has(&l, "<item-not-found"));
	end();

	/* with dialback allowed the second pair stands too */
	begin(DIALBACK "domain a2.example certificate = c\n", DIALBACK "federation peer a2.example auth = dialback-allowed\n");
	line_open(&l, &a, &b, false, false);
	struct stream_out more = { .bytes = &l.out.out };
	assert_int_equal(stream_want_pair(&l.out.stream, BYTES("a2.example"), l.now_ms, &more), 0);
	line_run(&l);
	assert_int_equal(a.n_ready, 2);
	assert_true(stream_may_send(&l.out.stream, BYTES("a2.example"), BYTES("b.example")));
	line_send(&l, "<message from='u@a2.example' to='v@b.example'/>");
	assert_int_equal(b.n_delivered, 1);
	end();
}

/* XEP-0198: h counts what is safe, not what has come; an impossible h ends the stream. */
static void test_sm(void **state)
{
	(void)state;
	open_external(ALLOW, ALLOW);
	l.does_handle = false;
	line_send(&l, MESSAGE);
	line_send(&l, MESSAGE);
	assert_int_equal(b.n_delivered, 2);
	assert_int_equal(a.acked, 0);
	struct stream_out out = { .bytes = &l.in.out };
	stream_handled(&l.in.stream, 1, l.now_ms, &out);
	line_wait(&l, 1500); /* asked and not all safe: after a second what is */
	assert_int_equal(a.acked, 1);
	struct stream_out out2 = { .bytes = &l.in.out };
	stream_handled(&l.in.stream, 1, l.now_ms, &out2);
	line_run(&l);
	line_wait(&l, 1500);
	assert_int_equal(l.in.stream.sm.in_done, 2);
	buf_put_str(&l.in.out, "<a xmlns='urn:xmpp:sm:3' h='77'/>");
	line_run(&l);
	assert_true(line_has(&l, "<undefined-condition"));
	assert_int_equal(l.out.stream.state, SS_DEAD);
	end();
}

/* A silent peer is asked; one that does not answer is dead. An idle stream ends in order. */
static void test_time(void **state)
{
	(void)state;
	open_external(ALLOW "federation ping = 10\nfederation idle = 0\nfederation setup-timeout = 5\n", ALLOW "federation idle = 0\n");
	line_wait(&l, 60000);
	assert_int_equal(l.out.stream.state, SS_READY); /* it answers */
	assert_true(line_has(&l, "<r xmlns"));
	l.in.stream.state = SS_DEAD; /* now it does not */
	line_wait(&l, 20000);
	assert_int_equal(l.out.stream.state, SS_DEAD);
	assert_int_equal(l.out.stream.why.rc, ERR_TIMEOUT);
	end();

	open_external(ALLOW "federation idle = 30\nfederation ping = 0\n", ALLOW "federation idle = 0\nfederation ping = 0\n");
	line_wait(&l, 29000);
	assert_int_equal(l.out.stream.state, SS_READY);
	line_wait(&l, 2000);
	assert_true(l.out.is_shut);
	assert_true(l.in.is_shut);
	assert_int_equal(l.out.stream.why.rung, RUNG_NONE); /* nothing failed */
	end();

	/* no XEP-0198: a ping, and the answer that comes by another stream */
	open_external(ALLOW NO_SM NO_BIDI "federation ping = 10\nfederation idle = 0\n", ALLOW "federation idle = 0\n");
	line_wait(&l, 11000);
	assert_true(l.out.stream.is_ping_out);
	assert_int_equal(b.n_delivered, 1);
	stream_ponged(&l.out.stream, l.now_ms);
	assert_false(l.out.stream.is_ping_out);
	end();

	/* a stranger has so long, and no longer */
	begin(ALLOW, ALLOW "federation setup-timeout = 3\n");
	line_meet(&l, &a, &b, false);
	line_wait(&l, 2500);
	assert_false(l.in.is_shut);
	line_wait(&l, 1000);
	assert_true(l.in.is_shut);
	assert_true(buf_len(&l.log) == 0 || line_has(&l, "<connection-timeout"));
	end();
}

/* TLS can be optional for a row; then dialback may run in clear, EXTERNAL never. */
static void test_optional_tls(void **state)
{
	(void)state;
	begin(DIALBACK TLS_OPTIONAL, DIALBACK TLS_OPTIONAL);
	line_meet(&l, &a, &b, false);
	line_say(&l, FROM_A);
	assert_true(line_has(&l, "<starttls"));
	assert_false(line_has(&l, "<required"));
	assert_true(line_has(&l, NS_DIALBACK_FEATURE));
	assert_false(line_has(&l, "<mechanism"));
	end();
	/* required: a key shown in clear is a policy violation */
	begin(DIALBACK, DIALBACK);
	line_meet(&l, &a, &b, false);
	line_say(&l, FROM_A "<db:result from='a.example' to='b.example'>k</db:result>");
	assert_true(line_has(&l, "<policy-violation"));
	assert_int_equal(l.in.stream.n_proven, 0);
	end();
}

/* SASL EXTERNAL (XEP-0178): only for the domain of the header. */
static void test_authzid(void **state)
{
	static const struct {
		const char *text, *answer;
	} rows[] = {
		{ "=", "<success" },
		{ "", "<success" },
		{ "YS5leGFtcGxl", "<success" },      /* a.example */
		{ "Yi5leGFtcGxl", "<invalid-authzid" }, /* b.example */
		{ "***", "<incorrect-encoding" },
	};
	char say[400];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		begin(ALLOW, ALLOW);
		line_meet(&l, &a, &b, true);
		snprintf(say, sizeof say, FROM_A "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>%s</auth>", rows[i].text);
		line_say(&l, say);
		assert_true(line_has(&l, rows[i].answer));
		if (i == 0) /* a restart under another name */ {
			line_say(&l, HEADER "from='c.example' to='b.example' version='1.0'>");
			assert_true(line_has(&l, "<invalid-from"));
		}
		end();
	}
}

/* Every row of the tables leads somewhere: no state but the last is without an end, a time limit
 * and an answer to bad XML. */
static void test_tables(void **state)
{
	const struct fsm *fsms[] = { &stream_in_fsm, &stream_out_fsm };
	static const uint8_t needed[] = { SE_END, SE_BAD, SE_TIMEOUT, SE_FAIL };

	(void)state;
	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < fsms[f]->n_rows; i++) {
			uint8_t s = fsms[f]->rows[i].next;
			for (size_t k = 0; k < sizeof needed && s != SS_DEAD; k++) {
				bool found = false;
				for (size_t j = 0; j < fsms[f]->n_rows; j++)
					found |= fsms[f]->rows[j].state == s && fsms[f]->rows[j].event == needed[k];
				assert_true(found);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_order_and_errors),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_bidi),
		cmocka_unit_test(test_out_refuses),
		cmocka_unit_test(test_out_order),
		cmocka_unit_test(test_dialback_keys),
		cmocka_unit_test(test_more_pairs),
		cmocka_unit_test(test_sm),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_optional_tls),
		cmocka_unit_test(test_authzid),
		cmocka_unit_test(test_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
