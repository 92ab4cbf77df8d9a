/* Commits over fake programs on the virtual clock: refusals, deaths, ports, confirmation, restarts;
 * generations on a real disk. */
#include "base/err.h"
#include "conf_text.h"
#include "run/version.h"
#include "txn.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
	char folder[64];
	struct loop *loop;
	struct store store;
	struct txn txn;
	char said[4096]; /* what the machine wanted said, in order */
	struct txn_result result;
	unsigned n_done, n_switched;
};

static void say(struct world *w, const char *what, enum prog p, uint32_t generation)
{
	size_t n = strlen(w->said);

	snprintf(w->said + n, sizeof w->said - n, "%s%s %s %u", n ? ", " : "", what, prog_name(p) + 3, generation);
}

static void on_snapshot(void *arg, enum prog p, unsigned instance, uint32_t generation, const struct rows *r)
{
	(void)instance;
	(void)r;
	say(arg, "offer", p, generation);
}

static void on_switch(void *arg, enum prog p, unsigned instance, uint32_t generation)
{
	(void)instance;
	say(arg, "switch", p, generation);
}

static void on_drop(void *arg, enum prog p, unsigned instance, uint32_t generation)
{
	(void)instance;
	say(arg, "drop", p, generation);
}

static void on_listeners(void *arg, const struct rows *r)
{
	say(arg, "bind", PROG_SUPER, (uint32_t)r->n);
}

static void on_done(void *arg, const struct txn_result *r, bool is_by_itself)
{
	struct world *w = arg;

	(void)is_by_itself;
	w->result = *r;
	w->n_done++;
}

static void on_switched(void *arg, const struct rows *old, const char *by)
{
	struct world *w = arg;

	(void)old;
	(void)by;
	w->n_switched++;
}

static const struct txn_ops ops = { on_snapshot, on_switch, on_drop, on_listeners, on_done, on_switched };

static void open_store(struct world *w)
{
	int fd = open(w->folder, O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	assert_int_equal(store_open(&w->store, fd), 0);
	txn_init(&w->txn, w->loop, &w->store, &ops, w);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	snprintf(w->folder, sizeof w->folder, "/tmp/txn_test.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	w->loop = loop_new(LOOP_FAKE);
	open_store(w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char path[160];

	txn_fini(&w->txn);
	store_close(&w->store);
	loop_free(w->loop);
	for (unsigned g = 0; g < 120; g++) {
		snprintf(path, sizeof path, "%s/gen-%08u.conf", w->folder, g);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/current", w->folder);
	unlink(path);
	snprintf(path, sizeof path, "%s/pending", w->folder);
	unlink(path);
	assert_int_equal(rmdir(w->folder), 0);
	free(w);
	return 0;
}

/* gh-conf ends at any point and starts again. */
static void restart(struct world *w)
{
	txn_fini(&w->txn);
	store_close(&w->store);
	open_store(w);
}

static int commit(struct world *w, const char *text, unsigned minutes)
{
	struct conf_text_error e;
	struct rows r = { 0 };
	struct txn_start s = { .rows = &r, .by = "root", .note = "a test", .confirm_minutes = minutes };

	assert_int_equal(conf_text_parse(bytes_of(text), &r, &e), 0);
	w->said[0] = 0;
	int rc = txn_start(&w->txn, &s);
	rows_fini(&r);
	return rc;
}

static void heard(struct world *w, const char *want)
{
	assert_string_equal(w->said, want);
	w->said[0] = 0;
}

/* Programs that have their first settings. */
static void start_programs(struct world *w)
{
	txn_up(&w->txn, PROG_S2S, 0);
	txn_up(&w->txn, PROG_IM, 0);
	txn_accepted(&w->txn, PROG_S2S, 0, w->store.generation);
	txn_accepted(&w->txn, PROG_IM, 0, w->store.generation);
	w->said[0] = 0;
}

static const char *running(struct world *w, const char *path)
{
	static char value[64];
	const struct row_item *item = rows_get(&w->store.running, bytes_of(path));

	snprintf(value, sizeof value, "%.*s", item ? (int)item->value.n : 1, item ? (const char *)item->value.p : "-");
	return value;
}

static void who_comes_gets_what_runs(void **state)
{
	struct world *w = *state;

	txn_up(&w->txn, PROG_S2S, 0);
	heard(w, "offer s2s 0");
	txn_accepted(&w->txn, PROG_S2S, 0, 7); /* not what was offered */
	heard(w, "");
	txn_accepted(&w->txn, PROG_S2S, 0, 0);
	heard(w, "switch s2s 0");
	txn_down(&w->txn, PROG_S2S, 0);
	txn_up(&w->txn, PROG_S2S, 0);
	heard(w, "offer s2s 0");
}

static void only_readers_are_asked_and_all_switch(void **state)
{
	struct world *w = *state;

	start_programs(w);
	assert_int_equal(commit(w, "set im resume 5\n", 0), 0);
	heard(w, "offer im 1");
	assert_int_equal(w->n_done, 0);
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	heard(w, "switch im 1");
	assert_int_equal(w->result.rc, 0);
	assert_int_equal(w->n_switched, 1);
	assert_int_equal(commit(w, "set im resume 5\nset log level debug\n", 0), 0);
	heard(w, "offer s2s 2, offer im 2");
	txn_accepted(&w->txn, PROG_IM, 0, 2);
	heard(w, "");
	txn_accepted(&w->txn, PROG_S2S, 0, 2);
	heard(w, "switch s2s 2, switch im 2");
}

static void one_refusal_drops_for_all_and_names_the_setting(void **state)
{
	struct world *w = *state;

	start_programs(w);
	commit(w, "set log level debug\n", 0);
	txn_accepted(&w->txn, PROG_S2S, 0, 1);
	w->said[0] = 0;
	txn_refused(&w->txn, PROG_IM, 0, 1, BYTES("log level"), BYTES("not today"));
	heard(w, "drop s2s 1, drop im 1");
	assert_int_equal(w->result.rc, ERR_DENIED);
	assert_string_equal(w->result.path, "log level");
	assert_string_equal(w->result.why, "gh-im: not today");
	assert_int_equal(w->store.generation, 0);
	assert_string_equal(running(w, "log level"), "-");
	/* an answer that comes too late changes nothing */
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	heard(w, "");
}

static void a_death_while_asked_drops(void **state)
{
	struct world *w = *state;

	start_programs(w);
	commit(w, "set log level debug\n", 0);
	txn_accepted(&w->txn, PROG_S2S, 0, 1);
	w->said[0] = 0;
	txn_down(&w->txn, PROG_IM, 0);
	heard(w, "drop s2s 1");
	assert_int_equal(w->result.rc, ERR_CLOSED);
	assert_string_equal(w->result.why, "gh-im ended while it checked the settings");
}

static void who_leaves_is_not_waited_for(void **state)
{
	struct world *w = *state;

	start_programs(w);
	commit(w, "set log level debug\n", 0);
	txn_accepted(&w->txn, PROG_S2S, 0, 1);
	txn_leaving(&w->txn, PROG_IM, 0);
	assert_int_equal(w->result.rc, 0);
	txn_down(&w->txn, PROG_IM, 0);
	assert_int_equal(w->store.generation, 1);
	assert_string_equal(running(w, "log level"), "debug");
	/* nor asked the next time, while it is still there */
	txn_up(&w->txn, PROG_IM, 0);
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	txn_leaving(&w->txn, PROG_IM, 0);
	commit(w, "set log level info\n", 1);
	txn_accepted(&w->txn, PROG_S2S, 0, 2);
	assert_int_equal(w->store.generation, 2);
}

static void a_death_after_acceptance_does_not_drop(void **state)
{
	struct world *w = *state;

	start_programs(w);
	commit(w, "set log level debug\nset access listen a 127.0.0.1 5222\n", 0);
	txn_accepted(&w->txn, PROG_S2S, 0, 1);
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	w->said[0] = 0;
	txn_down(&w->txn, PROG_IM, 0); /* the ports are being opened */
	txn_up(&w->txn, PROG_IM, 0);
	heard(w, "offer im 0");
	txn_bound(&w->txn, 0, BYTES_NONE, "");
	heard(w, "switch s2s 1, offer im 1");
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	heard(w, "switch im 1");
}

static void asked_before_the_first_settings(void **state)
{
	struct world *w = *state;

	txn_up(&w->txn, PROG_IM, 0);
	commit(w, "set im resume 5\n", 0);
	heard(w, "offer im 1");
	txn_accepted(&w->txn, PROG_IM, 0, 0); /* the program keeps the newer one only */
	heard(w, "");
	txn_refused(&w->txn, PROG_IM, 0, 1, BYTES("im resume"), BYTES("no"));
	heard(w, "drop im 1, offer im 0");
	txn_accepted(&w->txn, PROG_IM, 0, 0);
	heard(w, "switch im 0");
}

static void silence_drops(void **state)
{
	struct world *w = *state;

	start_programs(w);
	commit(w, "set im resume 5\n", 0);
	w->said[0] = 0;
	loop_fake_advance(w->loop, TXN_WAIT_MS - 1);
	heard(w, "");
	loop_fake_advance(w->loop, 2);
	heard(w, "drop im 1");
	assert_int_equal(w->result.rc, ERR_TIMEOUT);
	assert_string_equal(w->result.why, "gh-im did not answer");
}

static void a_port_that_is_taken_fails_the_commit(void **state)
{
	struct world *w = *state;

	start_programs(w);
	commit(w, "set im resume 5\nset access listen a 127.0.0.1 5222\n", 0);
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	heard(w, "offer im 1, bind super 2");
	txn_bound(&w->txn, ERR_SYS, BYTES("access listen a"), "127.0.0.1 port 5222 cannot be opened");
	heard(w, "drop im 1, bind super 0"); /* the old ports again */
	assert_string_equal(w->result.path, "access listen a");
	assert_int_equal(w->store.generation, 0);
}

static void one_commit_at_a_time(void **state)
{
	struct world *w = *state;

	start_programs(w);
	assert_int_equal(commit(w, "set im resume 5\n", 0), 0);
	assert_int_equal(commit(w, "set im resume 6\n", 0), ERR_AGAIN);
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	assert_string_equal(running(w, "im resume"), "5");
}

static void not_confirmed_goes_back(void **state)
{
	struct world *w = *state;

	commit(w, "set im resume 5\n", 0);
	assert_int_equal(commit(w, "set im resume 6\n", 10), 0);
	assert_string_equal(running(w, "im resume"), "6");
	assert_int_equal(commit(w, "set im resume 7\n", 0), ERR_BAD_STATE);
	loop_fake_advance(w->loop, 10 * 60 * 1000 - 1000);
	assert_string_equal(running(w, "im resume"), "6");
	assert_in_range(txn_confirm_left_ms(&w->txn), 1, 1000);
	loop_fake_advance(w->loop, 1001);
	assert_string_equal(running(w, "im resume"), "5");
	assert_int_equal(w->store.generation, 3);
	assert_int_equal(txn_confirm(&w->txn), ERR_BAD_STATE);
}

static void confirmed_stays(void **state)
{
	struct world *w = *state;

	commit(w, "set im resume 6\n", 10);
	assert_int_equal(txn_confirm(&w->txn), 0);
	loop_fake_advance(w->loop, 11 * 60 * 1000);
	assert_string_equal(running(w, "im resume"), "6");
	restart(w);
	loop_fake_advance(w->loop, 11 * 60 * 1000);
	assert_string_equal(running(w, "im resume"), "6");
}

static void goes_back_after_a_restart_too(void **state)
{
	struct world *w = *state;

	commit(w, "set im resume 6\n", 10); /* the first commit: back to the empty box */
	loop_fake_advance(w->loop, 5 * 60 * 1000);
	restart(w);
	assert_string_equal(running(w, "im resume"), "6");
	loop_fake_advance(w->loop, 4 * 60 * 1000);
	assert_string_equal(running(w, "im resume"), "6");
	loop_fake_advance(w->loop, 61 * 1000);
	assert_string_equal(running(w, "im resume"), "-");
}

static void reverts_when_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(txn_revert(&w->txn), ERR_BAD_STATE);
	commit(w, "set im resume 6\n", 10);
	assert_int_equal(txn_revert(&w->txn), 0);
	assert_string_equal(running(w, "im resume"), "-");
	assert_int_equal(txn_confirm_left_ms(&w->txn), 0);
}

static void generations_stay_and_old_ones_go(void **state)
{
	struct world *w = *state;
	struct rows r = { 0 };
	struct store_about about;
	uint32_t at = 0, n = 0;
	char text[64];

	for (unsigned i = 1; i <= STORE_KEEP + 10; i++) {
		snprintf(text, sizeof text, "set im resume %u\n", i);
		assert_int_equal(commit(w, text, 0), 0);
	}
	restart(w);
	assert_int_equal(w->store.generation, STORE_KEEP + 10);
	assert_string_equal(running(w, "im resume"), "60");
	while (store_history(&w->store, &at, &about)) {
		assert_int_equal(about.generation, STORE_KEEP + 10 - n);
		assert_string_equal(about.by, "root");
		assert_string_equal(about.note, "a test");
		n++;
	}
	assert_int_equal(n, STORE_KEEP);
	assert_int_equal(store_load(&w->store, 11, &r), 0);
	assert_true(bytes_eq_str(rows_value(&r, SET_IM_RESUME_MAX, BYTES_NONE), "11"));
	assert_int_equal(store_load(&w->store, 10, &r), ERR_NOT_FOUND);
	rows_fini(&r);
}

static void put_generation(const struct world *w, const char *text)
{
	char path[160];

	snprintf(path, sizeof path, "%s/gen-00000002.conf", w->folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static const char *generation_text(const struct world *w, unsigned generation, char *out, size_t n)
{
	char path[160];

	snprintf(path, sizeof path, "%s/gen-%08u.conf", w->folder, generation);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	out[fread(out, 1, n - 1, f)] = 0;
	assert_int_equal(fclose(f), 0);
	return out;
}

/* An upgrade that went back: what the newer version had set is not lost, and nothing else is. */
static void settings_of_another_version_are_kept(void **state)
{
	static const char moon[] = "set moon phase \"two\nlines\" # kept\n", mode[] = "set federation mode sideways\n";
	struct world *w = *state;
	char text[4096];

	commit(w, "set im resume 5\n", 0);
	commit(w, "set im resume 6\n", 0);
	snprintf(text, sizeof text, "# generation 2\n# version 99.1.0\n# by root\nset im resume 6\n%sset system name keep\n%s", moon, mode);
	put_generation(w, text);
	restart(w);
	assert_int_equal(w->store.generation, 2);
	assert_string_equal(running(w, "im resume"), "6");
	assert_string_equal(running(w, "system name"), "keep");
	assert_string_equal(running(w, "federation mode"), "-");
	commit(w, "set im resume 7\nset system name keep\n", 0);
	assert_non_null(strstr(generation_text(w, 3, text, sizeof text), moon));
	assert_non_null(strstr(text, mode));
	restart(w); /* ours now, but for those: still no damage */
	assert_int_equal(w->store.generation, 3);
	assert_string_equal(running(w, "im resume"), "7");
	commit(w, "set im resume 8\nset federation mode open\n", 0);
	assert_non_null(strstr(generation_text(w, 4, text, sizeof text), moon));
	assert_null(strstr(text, mode)); /* set anew: the old one is out of date */
}

/* Of our own version the same line is damage, and so it is in a text without a head. */
static void a_line_unknown_to_its_own_version_is_damage(void **state)
{
	static const char *const heads[] = { "# generation 2\n# version " GATEHOUSE_VERSION "\n", "" };
	struct world *w = *state;
	char text[256];

	commit(w, "set im resume 5\n", 0);
	commit(w, "set im resume 6\n", 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(text, sizeof text, "%sset im resume 6\nset moon phase full\n", heads[i]);
		put_generation(w, text);
		restart(w);
		assert_string_equal(running(w, "im resume"), "5");
	}
}

static void a_damaged_generation_falls_back(void **state)
{
	struct world *w = *state;
	char path[160];

	commit(w, "set im resume 5\n", 0);
	commit(w, "set im resume 6\n", 0);
	snprintf(path, sizeof path, "%s/gen-00000002.conf", w->folder);
	int fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "set im res", 10), 10);
	close(fd);
	restart(w);
	assert_string_equal(running(w, "im resume"), "5");
	/* the next number is not used twice */
	commit(w, "set im resume 7\n", 0);
	assert_int_equal(w->store.generation, 3);
}

static void offers_come_again_after_a_commit(void **state)
{
	struct world *w = *state;

	start_programs(w);
	txn_offer_again(&w->txn, 1u << PROG_S2S);
	heard(w, "offer s2s 0");
	txn_accepted(&w->txn, PROG_S2S, 0, 0);
	heard(w, "switch s2s 0");
	assert_int_equal(commit(w, "set im resume 7\n", 0), 0);
	w->said[0] = 0;
	txn_offer_again(&w->txn, 1u << PROG_S2S | 1u << PROG_IM);
	heard(w, ""); /* not in between */
	txn_accepted(&w->txn, PROG_IM, 0, 1);
	heard(w, "switch im 1, offer s2s 1, offer im 1");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(who_comes_gets_what_runs),
		T(only_readers_are_asked_and_all_switch),
		T(one_refusal_drops_for_all_and_names_the_setting),
		T(a_death_while_asked_drops),
		T(who_leaves_is_not_waited_for),
		T(a_death_after_acceptance_does_not_drop),
		T(asked_before_the_first_settings),
		T(silence_drops),
		T(a_port_that_is_taken_fails_the_commit),
		T(one_commit_at_a_time),
		T(not_confirmed_goes_back),
		T(confirmed_stays),
		T(goes_back_after_a_restart_too),
		T(reverts_when_told),
		T(generations_stay_and_old_ones_go),
		T(settings_of_another_version_are_kept),
		T(a_line_unknown_to_its_own_version_is_damage),
		T(a_damaged_generation_falls_back),
		T(offers_come_again_after_a_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
