/* Who this box is. Two files: identity.key (PEM, sealed) and identity.machine, lines of text:
 *     made 1764012345678
 *     machine 00112233445566778899aabbccddeeff
 *     mac 525400123456 */
#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "run/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

static const char key_file[] = "identity.key", machine_file[] = "identity.machine";

enum { FILE_MAX = 4096 };

/* Bytes read; ERR_NOT_FOUND, ERR_IO. */
static int read_file(int folder, const char *name, uint8_t out[static FILE_MAX], size_t *n)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	ssize_t got = read(fd, out, FILE_MAX);
	(void)close(fd); /* read only */
	*n = got > 0 ? (size_t)got : 0;
	return got < 0 ? ERR_IO : 0;
}

static int load_key(struct identity *i, struct storage *s)
{
	bool is_plain = false;
	struct buf text;

	buf_init(&text, FILE_MAX);
	int rc = seal_read(s, key_file, &text, &is_plain);
	BIO *bio = rc ? NULL : BIO_new_mem_buf(buf_bytes(&text).p, (int)buf_len(&text));
	i->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)"") : NULL;
	BIO_free(bio);
	if (i->key && EVP_PKEY_get_base_id(i->key) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(i->key);
		i->key = NULL;
	}
	/* Of a version that did not seal. */
	if (i->key && is_plain && seal_write(s, key_file, buf_bytes(&text)) < 0)
		log_error("keys.not_sealed", LOG_STR("file", key_file));
	seal_wipe(&text);
	return i->key ? 0 : rc == ERR_NOT_FOUND ? rc : ERR_SYNTAX;
}

static int make_key(struct identity *i, struct storage *s)
{
	BIO *pem = BIO_new(BIO_s_secmem());
	char *text = NULL;

	i->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	int rc = pem && i->key && PEM_write_bio_PrivateKey(pem, i->key, NULL, NULL, 0, NULL, NULL) ? 0 : ERR_NOMEM;
	long n = rc ? 0 : BIO_get_mem_data(pem, &text);
	if (!rc)
		rc = seal_write(s, key_file, bytes_make(text, n > 0 ? (size_t)n : 0));
	BIO_free(pem);
	return rc;
}

static int write_machine(const struct identity *i, int folder)
{
	const struct hardware *h = &i->now;
	char hex[2 * MACHINE_BYTES + 1];
	BIO *text = BIO_new(BIO_s_mem());

	if (!text)
		return ERR_NOMEM;
	BIO_printf(text, "made %llu\n", (unsigned long long)i->made_ms);
	text_hex(bytes_make(h->machine, MACHINE_BYTES), hex);
	if (h->has_machine)
		BIO_printf(text, "machine %s\n", hex);
	for (size_t n = 0; n < h->n_macs; n++) {
		text_hex(bytes_make(h->macs[n], MAC_BYTES), hex);
		BIO_printf(text, "mac %s\n", hex);
	}
	char *lines = NULL;
	long n = BIO_get_mem_data(text, &lines);
	int rc = n > 0 ? disk_replace(folder, machine_file, bytes_make(lines, (size_t)n)) : ERR_NOMEM;
	BIO_free(text);
	return rc;
}

/* Lines that are no such lines are left out: what is known of the machine is less then. */
static void parse_line(struct bytes line, uint64_t *made_ms, struct hardware *h)
{
	if (bytes_starts(line, BYTES("made ")))
		(void)bytes_to_u64(bytes_skip(line, 5), UINT64_MAX / 2, made_ms);
	else if (bytes_starts(line, BYTES("machine ")))
		h->has_machine = text_unhex(bytes_skip(line, 8), h->machine, MACHINE_BYTES) == 0;
	else if (bytes_starts(line, BYTES("mac ")) && h->n_macs < MACS_MAX && text_unhex(bytes_skip(line, 4), h->macs[h->n_macs], MAC_BYTES) == 0)
		h->n_macs++;
}

static int read_machine(int folder, uint64_t *made_ms, struct hardware *then)
{
	uint8_t text[FILE_MAX];
	size_t n = 0;
	int rc = read_file(folder, machine_file, text, &n);

	for (struct bytes rest = bytes_make(text, n); !rc && rest.n > 0;) {
		struct bytes line = bytes_make(rest.p, bytes_find(rest, '\n'));
		parse_line(line, made_ms, then);
		rest = bytes_skip(rest, line.n + 1);
	}
	return rc;
}

static void set_host_id(struct identity *i)
{
	uint8_t raw[PUBLIC_KEY_BYTES];
	size_t n = sizeof raw;

	if (EVP_PKEY_get_raw_public_key(i->key, raw, &n) && n == sizeof raw)
		backup_host_id(raw, i->host_id);
}

void host_id_text(const uint8_t id[static HOST_ID_BYTES], char out[static 33])
{
	text_hex(bytes_make(id, HOST_ID_BYTES), out);
}

/* The key comes to disk last: a crash before it is another first start. */
static int first_start(struct identity *i, struct storage *s, uint64_t wall_ms)
{
	char id[33];

	i->made_ms = wall_ms;
	int rc = write_machine(i, s->folder);
	if (!rc)
		rc = make_key(i, s);
	if (rc)
		return rc;
	set_host_id(i);
	host_id_text(i->host_id, id);
	log_info("keys.identity.made", LOG_STR("host", id), LOG_STR("platform", i->now.platform));
	return 0;
}

static void compare_machine(struct identity *i, int folder)
{
	struct hardware then = { 0 };
	char id[33];

	if (read_machine(folder, &i->made_ms, &then))
		return; /* nothing to compare with */
	i->is_elsewhere = hardware_is_other(&then, &i->now);
	host_id_text(i->host_id, id);
	if (i->is_elsewhere)
		log_warn("keys.identity.elsewhere", LOG_STR("host", id),
			 LOG_STR("advice", "this disk was on another machine; if that one runs too, this is a clone: factory-reset all; if not: identity accept"));
}

int identity_open(struct identity *i, struct storage *s, const struct hardware *now, uint64_t wall_ms)
{
	*i = (struct identity){ .now = *now };
	int rc = load_key(i, s);
	if (rc == ERR_NOT_FOUND)
		return first_start(i, s, wall_ms);
	if (rc) {
		log_error("keys.identity.unreadable", LOG_STR("file", key_file), LOG_STR("advice", "backups cannot be signed; factory-reset all makes a new one"));
		return 0;
	}
	set_host_id(i);
	compare_machine(i, s->folder);
	return 0;
}

void identity_close(struct identity *i)
{
	EVP_PKEY_free(i->key); /* OpenSSL wipes it */
	i->key = NULL;
}

void cmd_identity(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct keys *k = program;
	const struct identity *i = &k->identity;
	char id[33] = "", made[TEXT_TIME_BYTES], pin[65];

	(void)args;
	(void)n;
	if (!i->key) {
		proc_done(ask, ERR_CHECKSUM, k->storage.is_lost ? "the keys of this box are sealed to a TPM that is not here" :
								   "the identity of this box is damaged on its disk");
		return;
	}
	host_id_text(i->host_id, id);
	text_time(i->made_ms, false, made);
	key_pin(i->key, pin);
	proc_record_begin(ask);
	proc_record_str(ask, "host", id);
	proc_record_str(ask, "platform", i->now.platform);
	proc_record_str(ask, "made", made);
	proc_record_str(ask, "machine", i->is_elsewhere ? "another" : "same");
	proc_record_str(ask, "pin", pin);
	proc_record_str(ask, "keys", k->storage.has_key ? "sealed by the TPM" : "sealed by a key on the disk");
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

void cmd_identity_accept(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct keys *k = program;
	int rc = k->identity.key ? write_machine(&k->identity, k->storage.folder) : ERR_CHECKSUM;

	(void)args;
	(void)n;
	if (!rc) {
		k->identity.is_elsewhere = false;
		log_info("keys.identity.accepted", LOG_INT("interfaces", k->identity.now.n_macs));
	}
	proc_done(ask, rc, rc ? err_text(rc) : "");
}
