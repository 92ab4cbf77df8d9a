/* transfer_impl.h - what the parts of a transfer share: transfer.c its begin, ask, pace and end, transfer_in.c a file that comes,
 * transfer_out.c one that goes. */
#ifndef FILES_TRANSFER_IMPL_H
#define FILES_TRANSFER_IMPL_H

#include "files.h"

#include "net/link.h"
#include "proto/record.h"
#include "proto/upload.h"

enum transfer_state {
	STATE_ASK,
	STATE_IN,
	STATE_SCAN, /* all of it has come; a virus scanner has it */
	STATE_OUT,
	STATE_ENDING
};

struct transfer {
	struct list node;
	struct files *files;
	struct link link;
	struct loop_timer timer;
	struct loop_defer pump;
	struct loop_timer rest; /* files have had their bytes: read, or send, again after it */
	struct address_count *address;
	struct buf head; /* STATE_ASK: what has come of it */
	struct slot slot;
	struct draft draft;    /* STATE_IN, STATE_SCAN */
	struct owner *owner;   /* STATE_IN, STATE_SCAN: whose bytes are reserved */
	uint32_t scan;         /* STATE_SCAN: id of the SCAN; 0: gh-scan is not there */
	uint64_t left;         /* bytes that still come, or go */
	int fd;                /* STATE_OUT */
	uint64_t at;           /* STATE_OUT: next byte of the file */
	uint64_t began_ms, moved; /* bytes at the last look */
	uint8_t state;
	uint64_t first;           /* STATE_OUT: byte of the file that the answer begins with */
	char from[PEER_TEXT_BYTES]; /* the client's address */
	bool is_download; /* bytes of a file are on their way */
	bool is_unscanned; /* STATE_SCAN: no scanner could say */
	bool is_head; /* HEAD was asked: no body follows any answer */
	bool is_gone;
};

/* ---- transfer.c ---- */
/* It is over at once; freed later (transfer_sweep). */
void transfer_drop(struct transfer *t);
/* Over when what was answered has gone. */
void transfer_end(struct transfer *t);
/* Its timer: it is looked at again after so long. */
void transfer_wait(struct transfer *t, uint64_t ms);
void transfer_leave_quota(struct transfer *t);
void transfer_send_answer(struct transfer *t, const struct upload_answer *a);
/* Answers with this HTTP status and a line of text, counts, logs, ends. */
void transfer_refuse(struct transfer *t, int status, const char *why);
/* Have files had their bytes of this second? Then it goes on by itself later. */
bool transfer_rests(struct transfer *t, struct rate *r);

/* ---- fact.c ---- */
/* moved: bytes of it that went. */
void fact_tell(const struct transfer *t, enum transfer_fact fact, uint64_t moved, const char *detail);

/* ---- transfer_in.c ---- */
/* A PUT whose path is genuine: it gets "100", or is refused. */
void transfer_begin_in(struct transfer *t, const struct upload_ask *ask);
void transfer_take(struct transfer *t, struct bytes in); /* bytes of the file */
/* It is whole and may be had: puts it in its place and answers. */
void transfer_keep(struct transfer *t);
void transfer_label(const struct transfer *t, struct shelf_label *out);

/* ---- transfer_scan.c ---- */
/* All of it has come: it is kept once a scanner has found nothing in it. */
void transfer_scan(struct transfer *t);
/* No scanner has said anything in time. */
void transfer_scan_late(struct transfer *t);
/* It ends: nobody waits for the verdict. */
void transfer_scan_stop(struct transfer *t);

/* ---- transfer_out.c ---- */
/* A GET or HEAD whose path is genuine. */
void transfer_begin_out(struct transfer *t, const struct upload_ask *ask);
/* It is over, whole or not: files.downloaded says how much has gone (C-MFT-08). */
void transfer_out_ended(struct transfer *t);
/* The next bytes, if it is time: a deferred call of the loop. */
void transfer_pump(void *t);

#endif
