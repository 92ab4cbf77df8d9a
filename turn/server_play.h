/* turn/server_play.h - the engine between a client and peers that a test plays, on the virtual clock. */
#ifndef TURN_SERVER_PLAY_H
#define TURN_SERVER_PLAY_H

#include "base/buf.h"
#include "server.h"

enum { PLAY_OUT_MAX = 64, PLAY_WORKERS = 2, PLAY_SILENT = 1 };

struct play_out {
	enum { OUT_CLIENT, OUT_CLIENT_FROM, OUT_PEER, OUT_CONNECT, OUT_JOIN, OUT_CLOSE } what;
	unsigned worker;
	struct turn_path path;
	uint8_t door;
	struct stunaddr peer;
	int fd;
	uint32_t connection;
	bool dont_fragment;
	size_t n;
	uint8_t bytes[2048];
};

/* A flow in the kernel that the test plays. */
enum { PLAY_FLOWS = 8 };
struct play_flow {
	bool is_used;
	unsigned worker;
	struct fastpath_flow is;
	struct fastpath_counts passed; /* not read yet */
	unsigned renewed;
};

struct play;
struct play_worker {
	struct play *play;
	unsigned number;
	struct turn_server *server;
	void *owner_of[65536]; /* by port */
	struct turn_relay *relay_of[65536];
};

struct play {
	struct loop *loop;
	struct turn_conf conf;
	struct nonce_key key;
	struct play_worker workers[PLAY_WORKERS];
	struct play_out out[PLAY_OUT_MAX];
	size_t n_out;
	unsigned open_ports, refused, n_ended, n_drained;
	uint32_t left;
	struct turn_seen ended; /* the last one */
	const char *ended_why;
	char refused_user[256];
	int claim_rc; /* 0: claims arrive; else what asking gives; PLAY_SILENT: nobody answers */
	char why[256];
	bool has_no_port, has_no_v6, cannot_join;
	struct stunaddr public[2]; /* behind static NAT; family 0: not */
	struct play_flow flows[PLAY_FLOWS]; /* by id - 1 */
};

/* The workers' kernel path is there, for door 0. */
void play_kernel(struct play *p, const struct turn_door *door);
unsigned play_flows(const struct play *p);

/* A client's hand. */
struct play_client {
	struct play *play;
	unsigned worker;
	struct turn_path path;
	const char *user, *password;
	bool is_sha256, by_hash;
	char nonce[NONCE_TEXT_MAX];
	size_t nonce_n;
	uint8_t id[16];
};

void play_begin(struct play *p);
void play_end(struct play *p);
/* The one that each test of a file begins with: setup and teardown of cmocka. */
extern struct play play;
int play_up(void **state);
int play_down(void **state);
struct play_client play_client(struct play *p, uint8_t last_byte, uint16_t port);
/* Writes a request of the client's (a new transaction id), signed when it has a nonce. put() adds the
 * attributes; may be NULL. Sends it, and returns the parsed answer of the engine (of the last one). */
struct play_ask {
	uint16_t method;
	void (*put)(struct stunmsg_writer *w, void *arg);
	void *arg;
	bool is_unsigned, is_same_id;
};
struct stunmsg play_ask(struct play_client *c, const struct play_ask *a);
/* The same with attributes up to one without type. */
struct play_attribute {
	enum stunmsg_attribute type;
	struct bytes value;
};
#define PLAY_UDP { STUN_REQUESTED_TRANSPORT, BYTES("\x11\0\0\0") }
#define PLAY_TCP { STUN_REQUESTED_TRANSPORT, BYTES("\x06\0\0\0") }
#define PLAY_ALL(...) (struct play_attribute[]){ __VA_ARGS__, { 0, BYTES_NONE } }
void play_put_all(struct stunmsg_writer *w, void *attributes);
struct stunmsg play_ask_all(struct play_client *c, uint16_t method, struct play_attribute *all);
unsigned play_code(struct stunmsg m); /* 0: success */
struct stunmsg play_last_message(const struct play *p); /* it must be one */
/* Asks for the challenge, then allocates; the relayed address. */
struct stunaddr play_allocate(struct play_client *c);
/* The success or error code of one of the usual requests: 0 for success. */
unsigned play_permit(struct play_client *c, const struct stunaddr *peer);
unsigned play_bind(struct play_client *c, uint16_t channel, const struct stunaddr *peer);
unsigned play_refresh(struct play_client *c, int64_t lifetime_s); /* -1: no LIFETIME */
void play_from_client(struct play_client *c, struct bytes b);
void play_from_peer(struct play *p, unsigned worker, uint16_t relay_port, const struct stunaddr *peer, struct bytes b);
/* The last thing that went out; NULL: nothing since play_clear. */
const struct play_out *play_last(const struct play *p);
void play_clear(struct play *p);

#endif
