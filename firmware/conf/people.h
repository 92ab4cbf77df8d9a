/* people.h - users import, users export (XEP-0227): the operator's file on its way to gh-im and back, in pieces. */
#ifndef CONF_PEOPLE_H
#define CONF_PEOPLE_H

#include "transfer.h"

struct people {
	/* import */
	size_t word;      /* of the file */
	uint64_t offset;  /* in it */
	bool is_data;     /* the second time through it: accounts are there */
	bool is_last;     /* of the piece at gh-im */
	bool is_answered, is_broken;
	uint64_t made, existed, refused, read, incomplete;
	char error[240];
	/* export */
	char file[TRANSFER_NAME_BYTES];
	char who[1024];
	bool is_begun, has_archive, has_more;
	struct buf part;
	uint64_t users;
};

/* A number that gh-im gives; 0: it is none. */
uint64_t people_number(struct bytes value);

#endif
