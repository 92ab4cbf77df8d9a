/* capture.h - gh-capture: packet captures that operators ask for. Up to CAPTURES_MAX at a time; each ends by itself, at
 * its time, its packets, its bytes, when the disk fills, or when the interface goes. The program has no right to packets:
 * gh-super gives it one socket a capture, on which nothing but a filter can be set. */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include "files.h"
#include "filter.h"
#include "limits.h"
#include "pcapng.h"
#include "run/proc.h"

enum {
	CAPTURES_MAX = 4,
	ENDED_MAX = 8,        /* of those that are over, remembered for capture status */
	SOCKETS_MAX = 8,      /* that have come and wait for their command */
	SOCKET_WAIT_MS = 5000, /* one that nobody claims by then is closed */
	PACKET_BYTES_MAX = 256 << 10,
};

struct captures;

struct capture {
	struct captures *all;
	unsigned number;             /* 0: this place is free */
	uint32_t ticket;             /* the socket's */
	char interface[16];
	char text[FILTER_TEXT_MAX + 1];
	struct limits limits;
	struct proc_ask *ask;        /* of pcap: answered at the end; NULL: in the background */
	struct loop_watch watch;     /* the packet socket */
	struct loop_timer end;
	struct loop_defer sweep;     /* closes it after the callbacks */
	const char *why;             /* it ends; static text */
	uint16_t link_type;
	bool is_loopback;
	struct buf out;
	int file_fd;                 /* -1: none */
	unsigned part;
	char file[FILES_NAME_BYTES], parts[LIMITS_FILES_MAX][FILES_NAME_BYTES];
	uint64_t began_ms, began_wall_ms, file_bytes, bytes, packets, lost;
};

struct ended {
	unsigned number;
	char interface[16], file[FILES_NAME_BYTES];
	uint64_t packets, bytes, lost;
	const char *why;
};

struct waiting_socket {
	uint32_t ticket; /* 0: free */
	int fd;
	char interface[16];
	struct loop_timer end;
	struct captures *all;
};

/* A command whose socket has not come yet: they travel by different channels. */
struct waiting_command {
	uint32_t ticket; /* 0: free */
	struct proc_ask *ask;
	bool is_foreground;
	char interface[16], text[FILTER_TEXT_MAX + 1];
	struct limits limits;
	struct loop_timer end;
	struct captures *all;
};

struct captures {
	struct proc *proc;
	struct loop *loop;
	struct files files;
	uint64_t disk_bytes, keep_s;
	unsigned last_number;
	struct capture v[CAPTURES_MAX];
	struct ended ended[ENDED_MAX];
	unsigned n_ended;
	struct waiting_socket sockets[SOCKETS_MAX];
	struct waiting_command commands[CAPTURES_MAX];
	struct loop_timer expiry;
	uint8_t packet[PACKET_BYTES_MAX + 4]; /* room for a VLAN tag */
	uint8_t part[FILES_PART_BYTES];
};

/* ---- capture.c ---- */
/* Takes over fd and the waiting command's ask. An answer is on its way. */
void capture_begin(struct captures *a, const struct waiting_command *w, int fd);
/* It ends at the end of this turn. why: static text. */
void capture_stop(struct capture *c, const char *why);

/* ---- commands.c ---- */
extern const struct proc_command capture_commands[];
extern const size_t capture_n_commands;
int capture_on_socket(void *captures, struct chan *from, const struct frame *f);
void capture_commands_init(struct captures *a);

#endif
