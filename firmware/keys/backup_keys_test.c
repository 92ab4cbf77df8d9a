/* The section of keys, its two phases, and who this box is. */
#include "keys.h"

#include "base/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	char path[64];
	struct storage storage;
	struct vault vault;
};

static void world_open(struct world *w)
{
	snprintf(w->path, sizeof w->path, "/tmp/backup_keys.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	assert_int_equal(storage_open(&w->storage, open(w->path, O_RDONLY | O_DIRECTORY), NULL), 0);
	assert_int_equal(vault_open(&w->vault, &w->storage), 0);
}

static void reopen(struct world *w)
{
	vault_close(&w->vault);
	assert_int_equal(vault_open(&w->vault, &w->storage), 0);
}

/* All but the key that seals them, which is not of the section. */
static unsigned count_files(const struct world *w)
{
	DIR *d = opendir(w->path);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.' && strcmp(e->d_name, "storage.key") != 0;
	closedir(d);
	return n;
}

static void world_close(struct world *w)
{
	DIR *d = opendir(w->path);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	vault_close(&w->vault);
	close(w->storage.folder);
	assert_int_equal(rmdir(w->path), 0);
}

static void add(struct world *w, const char *name)
{
	EVP_PKEY *k = key_generate(BYTES("ed25519"));

	assert_non_null(k);
	assert_int_equal(vault_put(&w->vault, bytes_of(name), k), 0);
}

static const char *const new_names[] = { "alpha", "both", "gamma" };
static const uint8_t id[BACKUP_ID_BYTES] = { 1, 2, 3 }, other_id[BACKUP_ID_BYTES] = { 9 }, no_id[BACKUP_ID_BYTES];

/* The box that the backup is of; its section. */
static void make(struct world *from, struct buf *section)
{
	world_open(from);
	for (size_t i = 0; i < 3; i++)
		add(from, new_names[i]);
	buf_init(section, KEYS_SECTION_MAX);
	assert_int_equal(backup_keys_put(&from->vault, section), 0);
}

static void make_old(struct world *w)
{
	world_open(w);
	add(w, "both");
	add(w, "old");
}

static void assert_same(const struct world *a, const struct world *b)
{
	uint8_t one[MASTER_BYTES], two[MASTER_BYTES];

	assert_int_equal(a->vault.by_name.count, 3);
	assert_int_equal(b->vault.by_name.count, 3);
	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *x = vault_get(&a->vault, bytes_of(new_names[i])), *y = vault_get(&b->vault, bytes_of(new_names[i]));
		assert_true(x && y && EVP_PKEY_eq(x, y) == 1);
	}
	assert_int_equal(vault_master(&a->vault, one), 0);
	assert_int_equal(vault_master(&b->vault, two), 0);
	assert_memory_equal(one, two, MASTER_BYTES);
}

static void a_restore_takes_all_and_leaves_nothing(void **state)
{
	struct world from, to;
	struct buf section;

	(void)state;
	make(&from, &section);
	make_old(&to);
	assert_int_equal(backup_keys_prepare(&to.vault, buf_bytes(&section), id), 0);
	assert_true(backup_keys_is_prepared(&to.vault, id));
	assert_false(backup_keys_is_prepared(&to.vault, other_id));
	assert_int_equal(to.vault.by_name.count, 2); /* it means nothing yet */
	assert_int_equal(backup_keys_decide(&to.vault, id), 0);
	assert_same(&to, &from);
	reopen(&to);
	assert_same(&to, &from);
	assert_int_equal(count_files(&to), 4);
	assert_int_equal(backup_keys_decide(&to.vault, id), 0); /* told again */
	assert_same(&to, &from);
	buf_fini(&section);
	world_close(&from);
	world_close(&to);
}

/* Ended anywhere in the middle: each number of its steps done, then the start of the next process. */
static void a_cut_is_finished_at_the_next_start(void **state)
{
	struct world from, to;
	struct buf section;
	uint8_t master[MASTER_BYTES];

	(void)state;
	make(&from, &section);
	assert_int_equal(vault_master(&from.vault, master), 0);
	for (unsigned steps = 0; steps <= 5; steps++) {
		make_old(&to);
		assert_int_equal(backup_keys_prepare(&to.vault, buf_bytes(&section), id), 0);
		if (steps > 0)
			assert_int_equal(vault_del(&to.vault, BYTES("old")), 0);
		for (unsigned i = 0; i < 3 && i + 1 < steps; i++) {
			EVP_PKEY *k = vault_get(&from.vault, bytes_of(new_names[i]));
			assert_int_equal(EVP_PKEY_up_ref(k), 1);
			assert_int_equal(vault_put(&to.vault, bytes_of(new_names[i]), k), 0);
		}
		if (steps == 5)
			assert_int_equal(vault_set_master(&to.vault, master), 0);
		reopen(&to);
		assert_int_equal(backup_keys_decide(&to.vault, id), 0);
		assert_same(&to, &from);
		world_close(&to);
	}
	buf_fini(&section);
	world_close(&from);
}

static void what_is_not_decided_goes(void **state)
{
	const uint8_t *const ids[] = { other_id, no_id };
	struct world from, to;
	struct buf section;

	(void)state;
	make(&from, &section);
	for (size_t i = 0; i < 2; i++) {
		make_old(&to);
		assert_int_equal(backup_keys_prepare(&to.vault, buf_bytes(&section), id), 0);
		assert_int_equal(backup_keys_decide(&to.vault, ids[i]), 0);
		assert_int_equal(to.vault.by_name.count, 2);
		assert_false(backup_keys_is_prepared(&to.vault, id));
		assert_int_equal(count_files(&to), 2);
		world_close(&to);
	}
	/* a file that was being wiped when the power went is nobody's, not that of the id zero */
	make_old(&to);
	assert_int_equal(backup_keys_prepare(&to.vault, buf_bytes(&section), no_id), 0);
	assert_false(backup_keys_is_prepared(&to.vault, no_id));
	assert_int_equal(backup_keys_decide(&to.vault, no_id), 0);
	assert_int_equal(to.vault.by_name.count, 2);
	world_close(&to);
	buf_fini(&section);
	world_close(&from);
}

static void a_malformed_section_is_refused_before_it_is_written(void **state)
{
	struct world from, to;
	struct buf section;

	(void)state;
	make(&from, &section);
	make_old(&to);
	struct bytes s = buf_bytes(&section);
	for (size_t n = 0; n < s.n; n += n < 40 ? 1 : 13)
		assert_int_not_equal(backup_keys_prepare(&to.vault, bytes_make(s.p, n), id), 0);
	section.p[section.off + 4] = '/'; /* in the first name */
	assert_int_equal(backup_keys_prepare(&to.vault, s, id), ERR_SYNTAX);
	section.p[section.off] = 0xff; /* so many keys */
	assert_int_equal(backup_keys_prepare(&to.vault, s, id), ERR_FULL);
	assert_int_equal(count_files(&to), 2);
	buf_fini(&section);
	world_close(&from);
	world_close(&to);
}

static void hardware(struct hardware *h, uint8_t machine, uint8_t mac)
{
	*h = (struct hardware){ .has_machine = machine != 0, .machine = { machine }, .n_macs = mac != 0, .macs = { { mac } } };
}

static void another_machine_is_noticed(void **state)
{
	static const struct {
		uint8_t machine_then, mac_then, machine_now, mac_now;
		bool is_other;
	} rows[] = {
		{ 1, 2, 1, 2, false }, { 1, 2, 3, 2, true },  { 1, 2, 1, 4, true },  { 0, 2, 1, 2, false },
		{ 1, 0, 1, 4, false }, { 1, 2, 0, 0, false }, { 0, 0, 3, 4, false }, { 0, 2, 0, 4, true },
	};
	struct hardware then, now;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		hardware(&then, rows[i].machine_then, rows[i].mac_then);
		hardware(&now, rows[i].machine_now, rows[i].mac_now);
		assert_int_equal(hardware_is_other(&then, &now), rows[i].is_other);
	}
	/* one card of several is enough */
	then = (struct hardware){ .n_macs = 2, .macs = { { 1 }, { 2 } } };
	now = (struct hardware){ .n_macs = 2, .macs = { { 5 }, { 2 } } };
	assert_false(hardware_is_other(&then, &now));
}

static void the_identity_is_made_once(void **state)
{
	struct world w;
	struct identity one, two;
	struct hardware here, there;

	(void)state;
	world_open(&w);
	hardware(&here, 1, 2);
	hardware(&there, 7, 8);
	assert_int_equal(identity_open(&one, &w.storage, &here, 1764012345678), 0);
	assert_int_equal(identity_open(&two, &w.storage, &here, 1864012345678), 0);
	assert_memory_equal(one.host_id, two.host_id, HOST_ID_BYTES);
	assert_int_equal(two.made_ms, 1764012345678);
	assert_false(two.is_elsewhere);
	identity_close(&two);
	assert_int_equal(identity_open(&two, &w.storage, &there, 1864012345678), 0);
	assert_true(two.is_elsewhere);
	identity_close(&two);
	/* damaged: not replaced in silence */
	int fd = openat(w.storage.folder, "identity.key", O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(identity_open(&two, &w.storage, &here, 1864012345678), 0);
	assert_null(two.key);
	identity_close(&one);
	reopen(&w);
	assert_int_equal(w.vault.by_name.count, 0); /* it is no key of a domain */
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restore_takes_all_and_leaves_nothing),
		cmocka_unit_test(a_cut_is_finished_at_the_next_start),
		cmocka_unit_test(what_is_not_decided_goes),
		cmocka_unit_test(a_malformed_section_is_refused_before_it_is_written),
		cmocka_unit_test(another_machine_is_noticed),
		cmocka_unit_test(the_identity_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
