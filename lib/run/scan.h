/* run/scan.h - what gh-files and gh-scan share: the messages SCAN, SCANNED and SCAN_STOP of run/msg.def. */
#ifndef RUN_SCAN_H
#define RUN_SCAN_H

/* What a virus scanner says of a file. */
enum scan_verdict {
	SCAN_CLEAN,
	SCAN_INFECTED,  /* SCANNED has the signature's name */
	SCAN_TOO_LARGE, /* the scanner takes no file of this size: another try changes nothing */
	SCAN_NONE,      /* no scanner has said anything in the time that there was */
	SCAN_VERDICT_COUNT
};

enum {
	SCAN_NAME_MAX = 127, /* bytes of a signature's name: printable ASCII */
	SCAN_FILES_MAX = 512, /* that wait for a verdict, or are being scanned */
};

#endif
