#include "install.h"

#include "base/err.h"
#include "run/upgrade.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/sha.h>

void install_init(struct install *i, const struct slot_disk *d, struct slot_table *t, const uint8_t (*trust)[IMAGE_KEY_BYTES],
                  const char *platform, unsigned flags)
{
	*i = (struct install){ .disk = d, .table = t, .trust = trust, .platform = platform, .flags = flags };
	/* At most a list, and what came behind it in one feed. */
	buf_init(&i->in, (size_t)IMAGE_CHUNKS_MAX * IMAGE_HASH_BYTES + 4 * IMAGE_CHUNK_BYTES);
}

void install_fini(struct install *i)
{
	buf_fini(&i->in);
	free(i->list);
	i->list = NULL;
}

static int wrong(struct install *i, int rc, const char *what)
{
	snprintf(i->why, sizeof i->why, "byte %llu: %s", (unsigned long long)i->at, what);
	return rc;
}

static int deny(struct install *i, int rc, const char *what)
{
	char version[IMAGE_VERSION_TEXT];

	image_version_text(&i->head.version, version);
	snprintf(i->why, sizeof i->why, "version %s: %s", version, what);
	return rc;
}

/* ---- the head ---- */

static int check_version(struct install *i)
{
	const struct slot_table *t = i->table;
	int cmp = image_version_cmp(&i->head.version, &t->slots[t->booted].version);

	if (!t->slots[t->booted].is_good)
		return deny(i, ERR_BAD_STATE, "what runs is not confirmed yet, and the other slot is the way back: upgrade confirm first");
	if (image_version_cmp(&i->head.version, &t->floor) < 0)
		return deny(i, ERR_DENIED, "below the security floor of this box");
	if (cmp == 0)
		return deny(i, ERR_EXISTS, "runs already");
	if (cmp < 0 && !(i->flags & UPGRADE_OLDER))
		return deny(i, ERR_DENIED, "older than what runs; upgrade downgrade takes it all the same");
	if (t->has_failed && image_version_cmp(&i->head.version, &t->failed) == 0 && !(i->flags & UPGRADE_AGAIN))
		return deny(i, ERR_DENIED, "did not become healthy on this box before; upgrade retry takes it all the same");
	return 0;
}

static int check_room(struct install *i)
{
	unsigned spare = slots_spare(i->table);

	if (strcmp(i->head.platform, "any") != 0 && strcmp(i->head.platform, i->platform) != 0)
		return deny(i, ERR_UNSUPPORTED, "for another platform");
	for (unsigned p = 0; p < PART_COUNT; p++)
		if (i->head.part_bytes[p] > i->disk->room(i->disk->arg, spare, (enum image_part)p))
			return deny(i, ERR_LIMIT, "larger than a slot");
	return 0;
}

static int take_head(struct install *i)
{
	const char *why = "";
	int rc = image_head_decode(buf_bytes(&i->in).p, i->trust, &i->head, &why);

	if (rc)
		return wrong(i, rc, why);
	if ((rc = check_version(i)) || (rc = check_room(i)))
		return rc;
	i->list = malloc((size_t)image_chunks(&i->head) * IMAGE_HASH_BYTES);
	if (!i->list)
		return wrong(i, ERR_NOMEM, "out of memory");
	i->has_head = true;
	return 0;
}

/* ---- the list of hashes; then the slot is ours ---- */

static bool is_same_file(const struct install *i, const struct slot *s)
{
	return s->state == SLOT_WRITING && memcmp(s->id, i->head.id, sizeof s->id) == 0 && s->chunks_done <= image_chunks(&i->head);
}

static int claim_slot(struct install *i)
{
	struct slot *s = &i->table->slots[slots_spare(i->table)];

	if (is_same_file(i, s)) {
		i->chunk = s->chunks_done;
		i->is_resumed = i->chunk > 0;
		return 0;
	}
	/* Before the first byte is written, and on the medium: a half slot must never boot. */
	*s = (struct slot){ .state = SLOT_WRITING, .version = i->head.version, .floor = i->head.floor };
	memcpy(s->id, i->head.id, sizeof s->id);
	i->table->preferred = i->table->booted;
	return slots_store(i->disk, i->table) ? wrong(i, ERR_IO, "the slot table cannot be written") : 0;
}

static int take_list(struct install *i, struct bytes list)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256(list.p, list.n, sum);
	if (memcmp(sum, i->head.hashes, sizeof sum) != 0)
		return wrong(i, ERR_CHECKSUM, "the list of hashes is not the signed one");
	memcpy(i->list, list.p, list.n);
	i->has_list = true;
	return claim_slot(i);
}

/* ---- chunks ---- */

static int note_progress(struct install *i)
{
	unsigned spare = slots_spare(i->table);

	if (i->disk->sync(i->disk->arg, spare))
		return wrong(i, ERR_IO, "the slot cannot be written");
	i->table->slots[spare].chunks_done = i->chunk;
	return slots_store(i->disk, i->table) ? wrong(i, ERR_IO, "the slot table cannot be written") : 0;
}

static bool is_chunk(const struct install *i, uint32_t n, struct bytes data)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256(data.p, data.n, sum);
	return memcmp(sum, i->list + (size_t)n * IMAGE_HASH_BYTES, sizeof sum) == 0;
}

static int take_chunk(struct install *i, const struct image_place *at, struct bytes data)
{
	if (!is_chunk(i, i->chunk, data))
		return wrong(i, ERR_CHECKSUM, "damaged, or not what was signed");
	if (i->disk->write(i->disk->arg, slots_spare(i->table), at->part, at->offset, data))
		return wrong(i, ERR_IO, "the slot cannot be written");
	i->chunk++;
	return i->chunk % INSTALL_SYNC_CHUNKS == 0 ? note_progress(i) : 0;
}

/* ---- the order ---- */

/* How many bytes the next unit has; 0: the file ends here. */
static size_t next_unit(const struct install *i, struct image_place *at)
{
	if (!i->has_head)
		return IMAGE_HEAD_BYTES;
	if (!i->has_list)
		return (size_t)image_chunks(&i->head) * IMAGE_HASH_BYTES;
	return image_place_of(&i->head, i->chunk, at) ? at->n : 0;
}

static int take_unit(struct install *i, const struct image_place *at, size_t n)
{
	struct bytes unit = bytes_make(buf_bytes(&i->in).p, n);
	bool was_list = i->has_head && !i->has_list;
	int rc = !i->has_head ? take_head(i) : was_list ? take_list(i, unit) : take_chunk(i, at, unit);

	if (rc)
		return rc;
	buf_consume(&i->in, n);
	i->at += n;
	return was_list && i->is_resumed ? 1 : 0;
}

/* Goes on behind what is on the medium already: what came along of the file is not wanted. */
static void skip(struct install *i)
{
	struct image_place at = { 0 };

	buf_clear(&i->in);
	i->is_resumed = false;
	if (image_place_of(&i->head, i->chunk, &at)) {
		i->at = at.file_offset;
		return;
	}
	(void)image_place_of(&i->head, i->chunk - 1, &at); /* all chunks are there, and there is at least one */
	i->at = at.file_offset + at.n;
}

int install_feed(struct install *i, uint64_t offset, struct bytes in)
{
	struct image_place at = { 0 };

	if (offset != i->at + buf_len(&i->in) || in.n > 2 * IMAGE_CHUNK_BYTES)
		return wrong(i, ERR_PROTOCOL, "a piece from another place");
	buf_put_bytes(&i->in, in);
	if (buf_failed(&i->in))
		return wrong(i, ERR_NOMEM, "out of memory");
	for (;;) {
		size_t n = next_unit(i, &at);
		if (n == 0)
			return buf_len(&i->in) ? wrong(i, ERR_SYNTAX, "something follows the end") : 0;
		if (buf_len(&i->in) < n)
			return 0;
		int rc = take_unit(i, &at, n);
		if (rc < 0)
			return rc;
		if (rc == 1) {
			skip(i);
			return 0;
		}
	}
}

static int read_back(struct install *i)
{
	static uint8_t data[IMAGE_CHUNK_BYTES];
	struct image_place at;

	for (unsigned n = 0; n < INSTALL_VERIFY_CHUNKS && image_place_of(&i->head, i->verified, &at); n++, i->verified++) {
		if (i->disk->read(i->disk->arg, slots_spare(i->table), at.part, at.offset, data, at.n))
			return wrong(i, ERR_IO, "the slot cannot be read back");
		if (!is_chunk(i, i->verified, bytes_make(data, at.n))) {
			i->at = at.file_offset;
			return wrong(i, ERR_CHECKSUM, "the disk does not give back what was written");
		}
	}
	return i->verified < image_chunks(&i->head);
}

/* What is written is worth nothing: the next try begins anew. */
static int give_up(struct install *i, int rc)
{
	i->table->slots[slots_spare(i->table)] = (struct slot){ .state = SLOT_EMPTY };
	(void)slots_store(i->disk, i->table); /* it is unfinished there, which is as good */
	return rc;
}

int install_verify(struct install *i)
{
	struct slot *s = &i->table->slots[slots_spare(i->table)];

	if (!i->has_list || i->chunk < image_chunks(&i->head))
		return wrong(i, ERR_TRUNCATED, "the file ends too early");
	if (i->verified == 0) {
		int rc = note_progress(i);
		if (rc)
			return rc;
	}
	int rc = read_back(i);
	if (rc != 0)
		return rc == ERR_CHECKSUM ? give_up(i, rc) : rc;
	s->state = SLOT_READY;
	s->tries = SLOT_TRIES;
	i->table->preferred = (uint8_t)slots_spare(i->table);
	return slots_store(i->disk, i->table) ? wrong(i, ERR_IO, "the slot table cannot be written") : 0;
}
