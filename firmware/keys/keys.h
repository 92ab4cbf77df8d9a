/* keys.h - gh-keys: private keys, in a process of their own. Doors send digests and get signatures;
 * no message gives a key away. Keys are files of its own folder, mode 0600, and objects of OpenSSL in
 * memory. */
#ifndef KEYS_H
#define KEYS_H

#include "backup_file.h"
#include "base/map.h"
#include "run/tpm.h"
#include "run/platform.h"
#include "run/proc.h"

#include <openssl/evp.h>

enum { KEY_NAME_MAX = 63, KEYS_MAX = 200, KEY_FILE_MAX_BYTES = 32768 };

struct key {
	char name[KEY_NAME_MAX + 1];
	EVP_PKEY *pkey;
};

enum { STORAGE_KEY_BYTES = 32 };

/* Where the files are, and the key that seals them. */
struct storage {
	int folder;
	uint8_t key[STORAGE_KEY_BYTES]; /* has_key: given back by the TPM */
	bool has_key;
	bool is_lost; /* it is sealed to a TPM that is not here: nothing opens, nothing is made anew */
};

struct vault {
	struct storage *storage;
	struct map by_name;
};

enum { MACS_MAX = 16, MAC_BYTES = 6, MACHINE_BYTES = 16 };

/* What shows that a disk was copied to another machine. */
struct hardware {
	bool has_machine;               /* a machine id of the operating system */
	uint8_t machine[MACHINE_BYTES]; /* a hash of it */
	uint8_t macs[MACS_MAX][MAC_BYTES];
	size_t n_macs;
	char platform[PLATFORM_BYTES]; /* "virtual" or "hardware": a backup of one does not go to the other (G-BKP-01) */
};

/* Who this box is: a key of its own, made at the first start, never in a backup (G-IMG-11, G-IMG-12). */
struct identity {
	EVP_PKEY *key; /* Ed25519; NULL: its file is damaged */
	uint8_t host_id[HOST_ID_BYTES];
	uint64_t made_ms;
	struct hardware now;
	bool is_elsewhere; /* on another machine than the one it was made on, or was accepted on */
};

/* A backup file being written or read: one at a time. */
struct session {
	bool is_writing, is_reading, is_head_told;
	struct backup_writer writer;
	struct backup_reader reader;
	struct buf keys; /* the section of keys, while it comes; wiped */
};

enum { ACME_SECRET_MAX = 512, ACME_KEYS_MAX = 64 /* that gh-pki may have made before this process ends */ };
/* `acme external-account key`, as it is used. */
struct acme_secret {
	uint8_t key[ACME_SECRET_MAX];
	size_t n; /* 0: none is set */
};

struct keys {
	struct proc *proc;
	struct tpm *tpm; /* between prepare and init */
	struct storage storage;
	struct vault vault;
	struct identity identity;
	struct session session;
	struct acme_secret acme;
	unsigned n_acme_keys; /* made for gh-pki */
	bool is_serving; /* the first settings have come: what runs now is not replaced below the doors */
	uint64_t signed_n, failed_n;
};

/* ---- vault.c: keys by name, on disk and in memory ---- */
/* [a-z0-9.-], not first or last '.' or '-', at most KEY_NAME_MAX. */
bool key_name_is_good(struct bytes name);
/* Reads all key files of the folder; a file that is no key is logged and left alone. */
int vault_open(struct vault *v, struct storage *s);
void vault_close(struct vault *v);
EVP_PKEY *vault_get(const struct vault *v, struct bytes name);
/* Writes the file (on disk when it returns) and takes over pkey. Replaces an older one. ERR_SYNTAX:
 * name; ERR_FULL; ERR_IO. On failure pkey stays the caller's. */
int vault_put(struct vault *v, struct bytes name, EVP_PKEY *pkey);
int vault_del(struct vault *v, struct bytes name);
enum { MASTER_BYTES = 32, DERIVED_BYTES = 32 };
/* The secret that all shared secrets come from; made when it is first asked for. ERR_IO. */
int vault_master(const struct vault *v, uint8_t out[static MASTER_BYTES]);
const char *key_kind(EVP_PKEY *pkey); /* "RSA-2048" */

/* Replaces the secret of vault_master. */
int vault_set_master(const struct vault *v, const uint8_t in[static MASTER_BYTES]);

/* ---- seal.c: files at rest ---- */
enum { SEALED_MAX_BYTES = 5 << 20 };
/* Before the others. With a TPM (NULL: none) the box's key is sealed to it: one that lay open is sealed now, and its file goes.
 * 0, also when it is lost (s->is_lost, logged, an alarm): the box stays manageable. ERR_IO. */
int storage_open(struct storage *s, int folder, struct tpm *tpm);
void storage_close(struct storage *s);
/* As disk_replace, encrypted with the key of this box, which is made when it is first needed. ERR_IO, ERR_NOMEM, ERR_LIMIT. */
int seal_write(struct storage *s, const char *file, struct bytes content);
/* Appends what was sealed under this very name. *is_plain: the file was not sealed (an old one): write it anew. The caller wipes out
 * (seal_wipe). ERR_NOT_FOUND; ERR_CHECKSUM: damaged, of another name or another box; ERR_IO: also without the box's key; ERR_LIMIT. */
int seal_read(struct storage *s, const char *file, struct buf *out, bool *is_plain);
void seal_wipe(struct buf *b);

/* ---- hardware.c: before the fence ---- */
/* is_appliance: the whole machine is ours, with a root file system that is the same everywhere. */
void hardware_read(struct hardware *out, bool is_appliance);
/* Is a box that was made on `then` on another machine now? Each kind of mark speaks only if both have it. */
bool hardware_is_other(const struct hardware *then, const struct hardware *now);

/* ---- identity.c ---- */
/* Reads it, or makes it at the first start. A damaged one is logged and not replaced: key stays NULL. ERR_IO: cannot write. */
int identity_open(struct identity *i, struct storage *s, const struct hardware *now, uint64_t wall_ms);
void identity_close(struct identity *i);
void host_id_text(const uint8_t id[static HOST_ID_BYTES], char out[static 33]);
void cmd_identity(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
/* This machine is the right one from now on. */
void cmd_identity_accept(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);

/* ---- backup_keys.c: the section of keys, and the two phases of a restore ---- */
enum { KEYS_SECTION_MAX = 4 << 20 };
/* All keys and the master, appended. The caller wipes out. */
int backup_keys_put(const struct vault *v, struct buf *out);
/* Verifies a section and writes it beside what runs. ERR_SYNTAX. */
int backup_keys_prepare(const struct vault *v, struct bytes section, const uint8_t id[static BACKUP_ID_BYTES]);
/* Makes what is prepared under id what runs; drops anything else that is prepared. May be repeated after a crash. */
int backup_keys_decide(struct vault *v, const uint8_t id[static BACKUP_ID_BYTES]);
bool backup_keys_is_prepared(const struct vault *v, const uint8_t id[static BACKUP_ID_BYTES]);

/* ---- backup.c ---- */
int on_backup_ask(void *program, struct chan *from, const struct frame *f);
void session_end(struct session *s);

/* ---- sign.c ---- */
/* Keys that serve one purpose inside gh-keys, and sign nothing that anybody else puts before them. */
bool key_is_reserved(struct bytes name);
struct sign_request {
	struct bytes key, digest, data;
	uint8_t padding, salt_len;
};
/* Appends the signature. ERR_NOT_FOUND: no such key; ERR_SYNTAX: not for this key. */
int sign(const struct vault *v, const struct sign_request *r, struct buf *out);
int on_key_sign(void *program, struct chan *from, const struct frame *f);

/* ---- derive.c: secrets that doors hold themselves, and that must outlive their process ---- */
/* HKDF (RFC 5869) of the master with program and purpose. ERR_IO, ERR_NOMEM. */
int derive(const struct vault *v, struct bytes prog, struct bytes purpose, uint8_t out[static DERIVED_BYTES]);
int on_key_derive(void *program, struct chan *from, const struct frame *f);

/* ---- acme.c: what gh-pki may have signed (run/acme.h) ---- */
/* `acme external-account key`, in base64url (RFC 8555 7.3.4); empty: none. Leaves none when it cannot be read: ERR_SYNTAX. */
int acme_secret_set(struct acme_secret *s, struct bytes text);
int on_acme_ask(void *program, struct chan *from, const struct frame *f);

/* ---- link.c: the private authority of links (run/linkkeys.h) ---- */
/* Appends the answer to a LINK_ASK. ERR_PROTOCOL: malformed; ERR_NOT_FOUND: not our authority; ERR_SYNTAX: request or node. */
int link_answer(struct vault *v, struct bytes question, struct buf *out);
int on_link_ask(void *program, struct chan *from, const struct frame *f);

/* ---- comply.c: signatures of the compliance archive (run/complyseal.h) ---- */
/* Appends signature and public key. ERR_PROTOCOL: the hash; ERR_IO, ERR_NOMEM; ERR_UNSUPPORTED: the key of that name is of another kind. */
int comply_sign(struct vault *v, uint64_t number, struct bytes hash, struct buf *out);
int on_comply_sign(void *program, struct chan *from, const struct frame *f);

/* ---- make.c: operator commands ---- */
/* kind: "rsa-2048" ... ; NULL when unknown or OpenSSL fails. */
EVP_PKEY *key_generate(struct bytes kind);
void cmd_generate(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_delete(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_show(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
/* ---- cmd_bundle.c: operator commands over files (bundle.h). Files come as contents; behind them may be a password ---- */
/* name, chain that runs with this name (empty: none), chain of the candidate (or empty), files. Keeps the key, answers the sorted
 * chain. ERR_AUTH: a password is wanted; ERR_EXISTS: another key than the one that runs; ERR_DENIED: key and certificate are of
 * different pairs, or the password is wrong. */
void cmd_bundle_import(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_bundle_inspect(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_bundle_match(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);  /* name, files */
void cmd_bundle_verify(void *program, struct proc_ask *ask, const struct bytes *args, size_t n); /* trust anchors, files */
/* SubjectPublicKeyInfo of every key, for gh-conf's checks. */
void cmd_public(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
/* What a partner may pin: SHA-256 of the SubjectPublicKeyInfo, hex. "" when OpenSSL fails. */
void key_pin(EVP_PKEY *pkey, char out[static 65]);

/* ---- cert.c: certificate requests and self-signed certificates (B-CRT-06, B-WLD-01) ---- */
enum { CERT_DOMAINS_MAX = 30, CERT_SELF_SIGNED_DAYS = 397 };
/* DER into out, with names as dNSName and nothing else; ERR_SYNTAX: a name. */
int cert_request_names(EVP_PKEY *pkey, const struct bytes *names, size_t n, struct buf *out);
/* PEM into out. words: domains in any form, put as dNSName in A-labels, and attributes "CN:..", "OU:", "O:", "L:", "ST:", "C:",
 * "emailAddress:", "subjectAltName:a.example,IP:192.0.2.1" (G-PKI-05). ERR_SYNTAX: one of them, or no name at all. */
int cert_request(EVP_PKEY *pkey, const struct bytes *words, size_t n, struct buf *out);
int cert_self_signed(EVP_PKEY *pkey, const struct bytes *words, size_t n, struct buf *out);
/* A key's name and such words; "keyType:" among them makes a key where there is none. */
void cmd_pki_csr(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_pki_self_signed(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_csr(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_self_signed(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
