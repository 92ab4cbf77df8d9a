/* gh-comply between a gh-im and a gh-keys that are played, on a virtual clock: what is answered, signed, verified, and what goes when it
 * is too old. */
#include "comply.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "run/complyseal.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static char dir[] = "/tmp/comply_testXXXXXX";
static int dir_fd;

static struct world {
	struct comply c;
	struct loop *loop;
	struct bus *comply, *im, *keys;
	struct settings *settings;
	EVP_PKEY *key;
	bool is_keys_silent;
	uint64_t seq, written; /* sent, and the last that was answered */
	int rc;
	struct verdict verdict;
	char why[128];
	unsigned n_verdicts;
} w;

/* ---- the peers ---- */

static int on_written(void *program, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);

	(void)program, (void)from;
	w.written = wire_u64(&in);
	w.rc = (int)(int32_t)wire_u32(&in);
	return wire_end(&in);
}

static int on_sign(void *program, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);
	uint64_t number = wire_u64(&in);
	struct bytes hash = wire_bytes(&in);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[64], *der = NULL;
	size_t n = sizeof sig;
	struct buf m;

	(void)program;
	assert_int_equal(wire_end(&in), 0);
	buf_init(&m, 128);
	buf_put(&m, COMPLY_SEAL_PREFIX, sizeof COMPLY_SEAL_PREFIX);
	wire_put_u64(&m, number);
	buf_put_bytes(&m, hash);
	assert_true(EVP_DigestSignInit(ctx, NULL, NULL, NULL, w.key) > 0);
	assert_true(EVP_DigestSign(ctx, sig, &n, buf_bytes(&m).p, buf_len(&m)) > 0);
	int der_n = i2d_PUBKEY(w.key, &der);
	struct buf *b = chan_begin(from, MSG_COMPLY_SIGNED, f->id);
	wire_put_u32(b, 0);
	wire_put_str(b, bytes_make(sig, n));
	wire_put_str(b, bytes_make(der, (size_t)der_n));
	if (!w.is_keys_silent)
		assert_int_equal(chan_end(from), 0);
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	buf_fini(&m);
	return 0;
}

static void join(struct bus *peer, enum prog prog)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(peer, PROG_COMPLY, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w.comply, prog, 0, fds[1]), 0);
}

static void run(uint64_t ms)
{
	loop_fake_advance(w.loop, ms);
}

static void settle(const char *rows)
{
	struct settings *old = w.settings;
	struct buf text;
	unsigned line;

	buf_init(&text, 4096);
	buf_put_str(&text, rows);
	assert_int_equal(settings_parse(buf_bytes(&text), &w.settings, &line), 0);
	buf_fini(&text);
	w.c.settings = w.settings;
	w.c.config = (struct comply_config){
		.mode = (uint8_t)settings_enum(w.settings, SET_COMPLY_MODE),
		.keep_ms = (uint64_t)settings_int(w.settings, SET_COMPLY_RETENTION) * DAY_MS,
		.segment_bytes = (uint64_t)settings_int(w.settings, SET_COMPLY_SEGMENT_SIZE) << 20,
		.segment_ms = (uint64_t)settings_int(w.settings, SET_COMPLY_SEGMENT_AGE) * 3600 * 1000,
		.seal_ms = 60000,
	};
	hold_tell(&w.c);
	expire_again(&w.c);
	settings_free(old);
	run(0);
}

static void begin(const char *rows)
{
	static const struct bus_handler ours[] = { { MSG_COMPLY_WRITE, intake_on_write }, { MSG_COMPLY_SIGNED, notary_on_signed } };
	static const struct bus_handler im[] = { { MSG_COMPLY_WRITTEN, on_written } };
	static const struct bus_handler keys[] = { { MSG_COMPLY_SIGN, on_sign } };
	const struct bus_hooks our_hooks = { .program = &w.c, .handlers = ours, .n_handlers = 2 };
	const struct bus_hooks im_hooks = { .handlers = im, .n_handlers = 1 }, key_hooks = { .handlers = keys, .n_handlers = 1 };

	w = (struct world){ .loop = loop_new(LOOP_FAKE), .key = w.key };
	log_set_level(LOG_LEVEL_ERROR);
	w.comply = bus_new(w.loop, PROG_COMPLY, 0, &our_hooks);
	w.im = bus_new(w.loop, PROG_IM, 0, &im_hooks);
	w.keys = bus_new(w.loop, PROG_KEYS, 0, &key_hooks);
	join(w.im, PROG_IM);
	join(w.keys, PROG_KEYS);
	w.c.loop = w.loop;
	w.c.bus = w.comply;
	list_init(&w.c.exports);
	intake_init(&w.c);
	assert_int_equal(ledger_open(&w.c.ledger, dir_fd, &w.c.found), 0);
	settle(rows);
}

static void end(void)
{
	verify_fini(&w.c);
	expire_fini(&w.c);
	intake_fini(&w.c);
	ledger_close(&w.c.ledger);
	bus_free(w.comply);
	bus_free(w.im);
	bus_free(w.keys);
	settings_free(w.settings);
	loop_free(w.loop);
}

static void clean(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -f %s/*", dir);
	assert_int_equal(system(command), 0);
}

/* ---- what is done ---- */

static void say(const char *from, const char *to)
{
	const struct record r = { .kind = RECORD_STANZA, .at_ms = loop_wall_ms(w.loop), .from = bytes_of(from), .to = bytes_of(to),
				  .stanza = BYTES("<message><body>x</body></message>") };
	struct chan *c = bus_chan(w.im, PROG_COMPLY, 0);
	struct buf *b = chan_begin(c, MSG_COMPLY_WRITE, 0);

	wire_put_u64(b, ++w.seq);
	record_put_fields(b, &r);
	assert_int_equal(chan_end(c), 0);
}

static void said(void *arg, const struct verdict *v)
{
	(void)arg;
	w.verdict = *v;
	snprintf(w.why, sizeof w.why, "%s", v->why ? v->why : "");
	w.n_verdicts++;
}

static void verify(void)
{
	unsigned before = w.n_verdicts;

	assert_int_equal(verify_begin(&w.c, BYTES("anna"), said, NULL), 0);
	assert_int_equal(verify_begin(&w.c, BYTES("anna"), said, NULL), ERR_BAD_STATE);
	run(1000);
	assert_int_equal(w.n_verdicts, before + 1);
}

static void a_written_is_on_the_disk(void **state)
{
	(void)state;
	clean();
	begin("compliance mode = blocking\n");
	uint64_t before = w.c.ledger.next;
	say("a@x.example/r", "b@x.example");
	say("a@x.example/r", "b@x.example");
	run(0);
	assert_true(w.written == 2 && w.rc == 0 && w.c.ledger.next == before + 2);
	assert_int_equal(w.c.stats[STAT_COMMITS], 2); /* one of them for what is on record of the start */
	verify();
	assert_string_equal(w.why, "");
	assert_true(w.verdict.records == before + 1);
	/* In fast mode a commit is for all of 50 ms. */
	settle("compliance mode = fast\n");
	run(100);
	uint64_t commits = w.c.stats[STAT_COMMITS];
	say("a@x.example/r", "b@x.example");
	run(0);
	assert_true(w.written == 2);
	say("a@x.example/r", "b@x.example");
	run(50);
	assert_true(w.written == 4 && w.c.stats[STAT_COMMITS] == commits + 1);
	end();
}

static void what_cannot_be_written_is_said(void **state)
{
	(void)state;
	clean();
	begin("compliance mode = blocking\n");
	int fd = w.c.ledger.fd;
	w.c.ledger.fd = dup(dir_fd); /* it takes no byte */
	say("a@x.example/r", "b@x.example");
	run(0);
	assert_true(w.written == 1 && w.rc < 0 && w.c.is_failing);
	if (w.c.ledger.fd >= 0)
		close(w.c.ledger.fd);
	w.c.ledger.fd = fd;
	say("a@x.example/r", "b@x.example");
	run(0);
	assert_true(w.written == 2 && w.rc == 0 && !w.c.is_failing);
	verify();
	assert_string_equal(w.why, "");
	end();
}

static void signed_and_verified(void **state)
{
	char name[LEDGER_NAME_BYTES];

	(void)state;
	clean();
	begin("compliance mode = blocking\n");
	for (int i = 0; i < 10; i++)
		say("a@x.example/r", "b@x.example");
	run(0);
	notary_wish(&w.c);
	run(0);
	assert_true(w.c.sealed == w.c.ledger.next - 1 && w.c.pin[0]);
	uint64_t sealed = w.c.sealed;
	say("a@x.example/r", "b@x.example");
	run(0);
	verify();
	assert_string_equal(w.why, "");
	assert_true(w.verdict.signatures == 1 && w.verdict.signed_to == sealed && !w.verdict.other_key);
	/* gh-keys is away for a while. */
	w.is_keys_silent = true;
	notary_wish(&w.c);
	run(0);
	assert_true(w.c.sealed == sealed && w.c.n_wishes == 1);
	w.is_keys_silent = false;
	notary_ask(&w.c);
	run(0);
	assert_true(w.c.sealed > sealed && w.c.n_wishes == 0);
	/* A chain that somebody made anew, hash by hash, has no signature. */
	end();
	ledger_name(1, "sig", name);
	int fd = openat(dir_fd, name, O_RDWR);
	uint8_t c;
	assert_int_equal(pread(fd, &c, 1, 12), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, 12), 1);
	close(fd);
	begin("compliance mode = blocking\n");
	verify();
	assert_string_equal(w.why, "its signature is wrong");
	assert_true(w.verdict.number == sealed);
	end();
}

static void the_first_bad_one_is_named(void **state)
{
	char name[LEDGER_NAME_BYTES];
	uint8_t c;

	(void)state;
	clean();
	begin("compliance mode = blocking\n");
	for (int i = 0; i < 5; i++) {
		say("a@x.example/r", "b@x.example");
		run(0);
		notary_wish(&w.c);
		ledger_end_segment(&w.c.ledger); /* each in a segment of its own */
		run(0);
	}
	verify();
	assert_string_equal(w.why, "");
	assert_true(w.verdict.segments >= 5);
	uint64_t bad = w.c.ledger.segments[2].first;
	ledger_name(bad, "rec", name);
	int fd = openat(dir_fd, name, O_RDWR);
	assert_int_equal(pread(fd, &c, 1, RECORD_HEAD_BYTES + 40), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, RECORD_HEAD_BYTES + 40), 1);
	close(fd);
	verify();
	assert_true(w.verdict.why != NULL && w.verdict.number == bad && w.verdict.segment == bad && w.verdict.offset == RECORD_HEAD_BYTES);
	/* A whole segment that is gone. */
	assert_int_equal(unlinkat(dir_fd, name, 0), 0);
	end();
	begin("compliance mode = blocking\n");
	verify();
	assert_string_equal(w.why, "a segment is missing");
	assert_true(w.verdict.number == bad);
	end();
}

/* Twenty days, a segment each, of two people. */
static void write_days(void)
{
	for (int day = 0; day < 20; day++) {
		say("held@x.example/r", "b@y.example");
		say("free@x.example/r", "b@y.example");
		say("b@y.example/r", "free@x.example");
		run(0);
		ledger_end_segment(&w.c.ledger);
		run(DAY_MS);
	}
}

static void retention_spares_what_is_held(void **state)
{
	(void)state;
	clean();
	begin("compliance mode = blocking\n");
	write_days();
	assert_true(w.c.ledger.n_segments >= 20 && w.c.ledger.segments[0].first == 1);
	settle("compliance mode = blocking\ncompliance retention = 10\ncompliance hold held@x.example = case 7\n");
	run(60000);
	verify();
	assert_string_equal(w.why, "");
	/* Nine or ten days have lost two records each and what was on record of the start; the held ones are all there. */
	assert_true(w.verdict.first == 1 && w.verdict.pruned >= 18 && w.verdict.pruned <= 24);
	assert_true(w.verdict.records + w.verdict.pruned == w.verdict.last);
	uint64_t pruned = w.verdict.pruned;
	run(60000);
	verify();
	assert_true(w.verdict.pruned == pruned);
	/* The hold ends: whole segments go, and the chain goes on from what is left. */
	settle("compliance mode = blocking\ncompliance retention = 10\n");
	run(60000);
	verify();
	assert_string_equal(w.why, "");
	assert_true(w.verdict.first > 25 && w.verdict.pruned == 0);
	end();
	/* A domain is held. */
	begin("compliance mode = blocking\ncompliance retention = 1\ncompliance hold y.example = case 8\n");
	uint64_t first = w.c.ledger.segments[0].first;
	run(60000);
	verify();
	assert_string_equal(w.why, "");
	assert_true(w.verdict.first == first);
	end();
}

static void roll_by_age(void **state)
{
	(void)state;
	clean();
	begin("compliance mode = blocking\ncompliance segment-age = 1\n");
	say("a@x.example/r", "b@x.example");
	run(0);
	run(2 * 3600 * 1000);
	intake_roll(&w.c);
	run(0);
	assert_true(w.c.ledger.fd < 0 && w.c.sealed == w.c.ledger.next - 1); /* closed, and signed */
	say("a@x.example/r", "b@x.example");
	run(0);
	assert_int_equal(w.c.ledger.n_segments, 2);
	verify();
	assert_string_equal(w.why, "");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_written_is_on_the_disk),	 cmocka_unit_test(what_cannot_be_written_is_said),
		cmocka_unit_test(signed_and_verified),		 cmocka_unit_test(the_first_bad_one_is_named),
		cmocka_unit_test(retention_spares_what_is_held), cmocka_unit_test(roll_by_age),
	};

	if (!mkdtemp(dir))
		return 1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	w.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(w.key);
	clean();
	rmdir(dir);
	return rc;
}
