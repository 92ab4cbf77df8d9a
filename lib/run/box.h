/* run/box.h - ways in which the whole box stops. */
#ifndef RUN_BOX_H
#define RUN_BOX_H

/* After all programs have stopped in order: */
enum box_end {
	BOX_RESTART,  /* they start again, each from its disk */
	BOX_RESET,    /* all that they keep is wiped (factory reset), then the machine starts again; the programs of a box started by hand do */
	BOX_SHUTDOWN, /* the machine goes off; a box started by hand ends */
	BOX_REBOOT,   /* the machine starts again; the programs of a box started by hand do */
	BOX_END_COUNT
};

#endif
