/* Upgrade files and slots: refusals, and a disk that is cut at every write. */
#include "image_make.h"
#include "install.h"

#include "base/err.h"
#include "run/upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a disk whose power may go: each write of a sector counts; nothing after the last one happens ---- */

enum { SECTOR = 512, PART_ROOM = 5 * IMAGE_CHUNK_BYTES, NEVER = 1 << 30 };

struct disk {
	uint8_t slots[SLOTS][PART_COUNT][PART_ROOM], tables[TABLE_COPIES][TABLE_BYTES];
	int writes, cut_at; /* so many sectors are written, then the power goes */
	bool is_broken;     /* gives back other bytes than were written */
};

/* false: the power is gone. A torn sector table shows by its sum; sectors are whole. */
static bool put_sector(struct disk *d, uint8_t *to, const uint8_t *from, size_t n)
{
	if (d->writes >= d->cut_at)
		return false;
	d->writes++;
	memcpy(to, from, n);
	return true;
}

static int disk_write(void *arg, unsigned slot, enum image_part part, uint64_t offset, struct bytes data)
{
	struct disk *d = arg;

	for (size_t at = 0; at < data.n; at += SECTOR) {
		size_t n = data.n - at < SECTOR ? data.n - at : SECTOR;
		if (!put_sector(d, &d->slots[slot][part][offset + at], data.p + at, n))
			return ERR_IO;
	}
	return 0;
}

static int disk_read(void *arg, unsigned slot, enum image_part part, uint64_t offset, uint8_t *out, size_t n)
{
	struct disk *d = arg;

	memcpy(out, &d->slots[slot][part][offset], n);
	out[0] ^= d->is_broken;
	return 0;
}

static int disk_sync(void *arg, unsigned slot)
{
	struct disk *d = arg;

	(void)slot;
	return d->writes >= d->cut_at ? ERR_IO : 0;
}

static uint64_t disk_room(void *arg, unsigned slot, enum image_part part)
{
	(void)arg;
	(void)slot;
	(void)part;
	return PART_ROOM;
}

static int table_read(void *arg, unsigned copy, uint8_t out[static TABLE_BYTES])
{
	memcpy(out, ((struct disk *)arg)->tables[copy], TABLE_BYTES);
	return 0;
}

static int table_write(void *arg, unsigned copy, const uint8_t in[static TABLE_BYTES])
{
	struct disk *d = arg;

	if (d->writes == d->cut_at) { /* the one that the cut hits is torn: half old, half new */
		memcpy(d->tables[copy], in, TABLE_BYTES / 2);
		d->writes++;
		return ERR_IO;
	}
	return put_sector(d, d->tables[copy], in, TABLE_BYTES) ? 0 : ERR_IO;
}

static struct disk disk;
static const struct slot_disk ops = { &disk, disk_write, disk_read, disk_sync, disk_room, table_read, table_write, NULL };

/* ---- files ---- */

static EVP_PKEY *keys[3]; /* the third one is nobody's */
static uint8_t trust[IMAGE_KEYS][IMAGE_KEY_BYTES];

struct file {
	uint8_t seed;
	uint8_t bytes[1 << 20];
	size_t n;
	struct image_head head;
};
static struct file one, two, other;

static uint8_t content(uint8_t seed, enum image_part part, uint64_t at)
{
	return (uint8_t)(seed + part * 7 + at * 13 + (at >> 9));
}

static int source(void *arg, enum image_part part, uint64_t offset, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = content(((struct file *)arg)->seed, part, offset + i);
	return 0;
}

static int sink(void *arg, struct bytes data)
{
	struct file *f = arg;

	assert_true(f->n + data.n <= sizeof f->bytes);
	memcpy(f->bytes + f->n, data.p, data.n);
	f->n += data.n;
	return 0;
}

static struct image_version version(const char *text)
{
	struct image_version v;

	assert_int_equal(image_version_parse(bytes_of(text), &v), 0);
	return v;
}

static void make(struct file *f, const char *is, const char *lowest, uint8_t seed, EVP_PKEY *key)
{
	f->seed = seed;
	f->n = 0;
	f->head = (struct image_head){ .version = version(is), .floor = version(lowest), .platform = "any",
		                       .part_bytes = { 70000, 2 * IMAGE_CHUNK_BYTES, 100 } };
	assert_int_equal(image_make(&f->head, key, source, sink, f), 0);
}

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		size_t n = IMAGE_KEY_BYTES;
		keys[i] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		if (!keys[i] || (i < IMAGE_KEYS && !EVP_PKEY_get_raw_public_key(keys[i], trust[i], &n)))
			return 1;
	}
	make(&one, "1.1", "1.0", 1, keys[0]);
	make(&two, "1.2.0", "1.1", 2, keys[1]);
	make(&other, "1.3", "1.0", 3, keys[0]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

/* A box that runs 1.0 from the first slot. */
static void fresh(struct slot_table *t)
{
	struct image_version v = version("1.0");

	memset(&disk, 0, sizeof disk);
	disk.cut_at = NEVER;
	slots_first(t, &v);
	assert_int_equal(slots_store(&ops, t), 0);
}

static int feed_all(struct install *i, struct bytes file, size_t step)
{
	int rc = 0;

	for (uint64_t next = 0; !rc && next < file.n;) {
		size_t n = file.n - next < step ? file.n - (size_t)next : step;
		rc = install_feed(i, next, bytes_make(file.p + next, n));
		next = i->at + buf_len(&i->in);
	}
	return rc;
}

static int install(struct slot_table *t, struct bytes file, size_t step, unsigned flags, char why[static 200])
{
	struct install i;

	install_init(&i, &ops, t, trust, "virtual", flags);
	int rc = feed_all(&i, file, step);
	while (!rc && (rc = install_verify(&i)) == 1)
		rc = 0;
	memcpy(why, i.why, 200);
	install_fini(&i);
	return rc;
}

static struct bytes bytes_of_file(const struct file *f)
{
	return bytes_make(f->bytes, f->n);
}

static bool holds(unsigned slot, const struct file *f)
{
	for (unsigned p = 0; p < PART_COUNT; p++)
		for (uint64_t at = 0; at < f->head.part_bytes[p]; at++)
			if (disk.slots[slot][p][at] != content(f->seed, (enum image_part)p, at))
				return false;
	return true;
}

/* ---- tests ---- */

static void test_versions(void **state)
{
	static const char *const bad[] = { "", "1", "1.", ".1", "1.2.3.4", "1.2.", "01.2", "1.65536", "1.x", "1..2" };
	struct image_version v, w;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(image_version_parse(bytes_of(bad[i]), &v), ERR_SYNTAX);
	v = version("1.10");
	w = version("1.9.9");
	assert_true(image_version_cmp(&v, &w) > 0);
	w = version("1.10.0");
	assert_int_equal(image_version_cmp(&v, &w), 0);
}

static void test_install_boot_confirm(void **state)
{
	struct slot_table t;
	unsigned slot;
	char why[200];

	(void)state;
	for (size_t step = 1000; step < 150000; step = step * 7 + 1) {
		fresh(&t);
		assert_int_equal(install(&t, bytes_of_file(&one), step, 0, why), 0);
		assert_true(holds(1, &one));
		assert_int_equal(slots_load(&ops, &t), 0);
		assert_int_equal(slots_boot(&t, &slot), 0);
		assert_int_equal(slot, 1);
		assert_int_equal(t.slots[1].tries, SLOT_TRIES - 1);
		assert_false(slots_notice_failure(&t));
		slots_confirm(&t);
		assert_int_equal(t.slots[1].tries, SLOT_TRIES);
	}
	/* the second key signs as well; it goes into the first slot now, and raises the floor when it is good */
	assert_int_equal(install(&t, bytes_of_file(&two), 65536, 0, why), 0);
	assert_int_equal(slots_boot(&t, &slot), 0);
	assert_int_equal(slot, 0);
	slots_confirm(&t);
	assert_int_equal(slots_rollback(&t), 0); /* 1.1 is the floor itself */
	assert_int_equal(t.preferred, 1);
}

static void test_falls_back_and_remembers(void **state)
{
	struct slot_table t;
	unsigned slot;
	char why[200];

	(void)state;
	fresh(&t);
	assert_int_equal(install(&t, bytes_of_file(&one), 65536, 0, why), 0);
	for (unsigned i = 0; i < SLOT_TRIES; i++) {
		assert_int_equal(slots_boot(&t, &slot), 0);
		assert_int_equal(slot, 1);
	}
	assert_int_equal(slots_boot(&t, &slot), 0);
	assert_int_equal(slot, 0);
	assert_true(slots_notice_failure(&t));
	assert_false(slots_notice_failure(&t));
	assert_int_equal(install(&t, bytes_of_file(&one), 65536, 0, why), ERR_DENIED);
	assert_non_null(strstr(why, "did not become healthy"));
	assert_int_equal(install(&t, bytes_of_file(&other), 65536, 0, why), 0); /* another version may */
	assert_int_equal(install(&t, bytes_of_file(&one), 65536, UPGRADE_AGAIN, why), 0);
	/* nothing has tries left: the preferred one boots all the same (image.md, lesson 3) */
	t.slots[0].tries = t.slots[1].tries = 0;
	assert_int_equal(slots_boot(&t, &slot), 0);
	assert_int_equal(slot, 1);
}

static void test_later_damage_falls_back(void **state)
{
	struct slot_table t;
	unsigned slot, n = 0;
	char why[200];

	(void)state;
	fresh(&t);
	assert_int_equal(install(&t, bytes_of_file(&one), 65536, 0, why), 0);
	for (unsigned day = 0; day < 100; day++) {
		assert_int_equal(slots_boot(&t, &slot), 0);
		assert_int_equal(slot, 1);
		slots_confirm(&t);
	}
	for (slot = 1; slot == 1; n++)
		assert_int_equal(slots_boot(&t, &slot), 0);
	assert_int_equal(n, SLOT_TRIES + 1);
}

static void test_refusals(void **state)
{
	static struct file bad;
	struct slot_table t;
	char why[200];

	(void)state;
	fresh(&t);
	make(&bad, "1.1", "1.0", 1, keys[2]);
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, 0, why), ERR_AUTH);
	make(&bad, "1.0", "1.0", 1, keys[0]);
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, UPGRADE_OLDER | UPGRADE_AGAIN, why), ERR_EXISTS);
	make(&bad, "0.9", "0.1", 1, keys[0]);
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, 0, why), ERR_DENIED);
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, UPGRADE_OLDER, why), 0);
	fresh(&t);
	t.floor = version("1.0");
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, UPGRADE_OLDER, why), ERR_DENIED);
	assert_non_null(strstr(why, "floor"));
	bad = one;
	snprintf(bad.head.platform, sizeof bad.head.platform, "hardware");
	bad.n = 0;
	assert_int_equal(image_make(&bad.head, keys[0], source, sink, &bad), 0);
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, 0, why), ERR_UNSUPPORTED);
	bad.head.part_bytes[PART_ROOT] = PART_ROOM + 1;
	bad.n = 0;
	snprintf(bad.head.platform, sizeof bad.head.platform, "any");
	assert_int_equal(image_make(&bad.head, keys[0], source, sink, &bad), 0);
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, 0, why), ERR_LIMIT);
	/* nothing of all that has touched the table */
	assert_int_equal(t.slots[1].state, SLOT_EMPTY);
	assert_int_equal(install(&t, bytes_make(one.bytes, one.n - 1), 65536, 0, why), ERR_TRUNCATED);
	assert_int_equal(t.slots[1].state, SLOT_WRITING);
	bad = one;
	bad.bytes[bad.n++] = 0;
	assert_int_equal(install(&t, bytes_of_file(&bad), 65536, 0, why), ERR_SYNTAX);
	/* what is not confirmed must not lose its way back */
	fresh(&t);
	t.slots[0].is_good = false;
	assert_int_equal(install(&t, bytes_of_file(&one), 65536, 0, why), ERR_BAD_STATE);
	assert_int_equal(slots_rollback(&t), ERR_NOT_FOUND);
}

/* The first wrong byte ends it, with its place; what is behind it is never written, and what was there still boots. */
static void test_every_part_of_the_file_is_verified(void **state)
{
	static struct file bad;
	struct slot_table t;
	unsigned slot;
	char why[200];

	(void)state;
	for (size_t at = 0; at < one.n; at += at < IMAGE_HEAD_BYTES + 200 ? 61 : 7001) {
		bad = one;
		bad.bytes[at] ^= 0x20;
		fresh(&t);
		int rc = install(&t, bytes_of_file(&bad), 65536, 0, why);
		assert_true(rc == ERR_AUTH || rc == ERR_SYNTAX || rc == ERR_CHECKSUM);
		assert_non_null(strstr(why, "byte "));
		assert_int_equal(slots_load(&ops, &t), 0);
		assert_int_equal(slots_boot(&t, &slot), 0);
		assert_int_equal(slot, 0);
	}
	/* a disk that lies */
	fresh(&t);
	disk.is_broken = true;
	assert_int_equal(install(&t, bytes_of_file(&one), 65536, 0, why), ERR_CHECKSUM);
	disk.is_broken = false;
	assert_int_equal(t.slots[1].state, SLOT_EMPTY);
}

/* The power goes after each single sector that is written: the old one boots, or the new one whole. And the same file goes
 * on where it was, the same again if it is cut again. */
static void test_cut_at_every_write(void **state)
{
	struct slot_table t;
	unsigned slot, n_old = 0, n_new = 0;
	char why[200];
	bool is_whole = false;

	(void)state;
	for (int cut = 0; !is_whole; cut++) {
		fresh(&t);
		/* the spare slot had a good older one */
		assert_int_equal(install(&t, bytes_of_file(&one), 65536, 0, why), 0);
		assert_int_equal(slots_boot(&t, &slot), 0);
		slots_confirm(&t);
		assert_int_equal(slots_store(&ops, &t), 0);
		disk.writes = 0;
		disk.cut_at = cut;
		is_whole = install(&t, bytes_of_file(&two), 65536, 0, why) == 0;
		disk.cut_at = NEVER;
		assert_int_equal(slots_load(&ops, &t), 0);
		assert_int_equal(slots_boot(&t, &slot), 0);
		assert_true(slot == 1 ? holds(1, &one) : holds(0, &two) && t.slots[0].state == SLOT_READY);
		assert_true(!is_whole || slot == 0);
		*(slot == 0 ? &n_new : &n_old) += 1;
		if (slot == 1) { /* the old one runs on, and the upgrade is done again */
			slots_confirm(&t);
			assert_int_equal(install(&t, bytes_of_file(&two), 65536, 0, why), 0);
			assert_true(holds(0, &two));
		}
	}
	assert_true(n_old > 300);
	assert_true(n_new > 0);
}

/* A cut in the middle of a large file: chunks that are on the medium are not fetched again. */
static void test_resumed(void **state)
{
	struct slot_table t;
	struct install i;
	char why[200];

	(void)state;
	fresh(&t);
	install_init(&i, &ops, &t, trust, "virtual", 0);
	assert_int_equal(feed_all(&i, bytes_make(one.bytes, one.n - 1000), 65536), 0);
	t.slots[1].chunks_done = i.chunk; /* as it stands after INSTALL_SYNC_CHUNKS */
	assert_int_equal(slots_store(&ops, &t), 0);
	uint32_t done = i.chunk;
	install_fini(&i);
	install_init(&i, &ops, &t, trust, "virtual", 0);
	assert_int_equal(install_feed(&i, 0, bytes_make(one.bytes, 65536)), 0);
	struct image_place at;
	assert_true(image_place_of(&one.head, done, &at));
	assert_int_equal(i.at, at.file_offset);
	assert_int_equal(install_feed(&i, i.at, bytes_make(one.bytes + i.at, one.n - (size_t)i.at)), 0);
	while (install_verify(&i) == 1)
		;
	assert_true(holds(1, &one));
	assert_int_equal(t.slots[1].state, SLOT_READY);
	install_fini(&i);
	/* another file begins anew */
	fresh(&t);
	assert_int_equal(install(&t, bytes_make(one.bytes, one.n - 1000), 65536, 0, why), ERR_TRUNCATED);
	assert_int_equal(install(&t, bytes_of_file(&two), 65536, 0, why), 0);
	assert_true(holds(1, &two));
}

static void test_table_survives(void **state)
{
	struct slot_table t, u;

	(void)state;
	fresh(&t);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(slots_store(&ops, &t), 0);
	for (unsigned at = 0; at < TABLE_BYTES; at++) { /* the newer copy is damaged: the older one counts */
		disk.tables[t.sequence % TABLE_COPIES][at] ^= 1;
		assert_int_equal(slots_load(&ops, &u), 0);
		assert_int_equal(u.sequence, t.sequence - 1);
		disk.tables[t.sequence % TABLE_COPIES][at] ^= 1;
	}
	assert_int_equal(slots_load(&ops, &u), 0);
	assert_int_equal(u.sequence, t.sequence);
	memset(disk.tables, 0, sizeof disk.tables);
	assert_int_equal(slots_load(&ops, &u), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_install_boot_confirm),
		cmocka_unit_test(test_falls_back_and_remembers),
		cmocka_unit_test(test_later_damage_falls_back),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_every_part_of_the_file_is_verified),
		cmocka_unit_test(test_cut_at_every_write),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_table_survives),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
