#include "run/version.h"
#include "slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

enum { WAIT_S = 150 };

static int bless(void)
{
	if (!slot_is_healthy(WAIT_S)) {
		fprintf(stderr, "gh-slot: after %d s not all programs run; this slot is not marked as good\n", WAIT_S);
		return EXIT_FAILURE;
	}
	if (mount("/dev/disk/by-partlabel/gatehouse-esp", "/efi", "vfat", MS_NODEV | MS_NOSUID | MS_NOEXEC, "umask=0077") < 0) {
		fprintf(stderr, "gh-slot: the boot partition: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	int rc = slot_bless("/efi/EFI/Linux", GATEHOUSE_VERSION);
	if (umount("/efi") < 0 || rc < 0) {
		fprintf(stderr, "gh-slot: mark version %s as good: %s\n", GATEHOUSE_VERSION, strerror(rc < 0 ? -rc : errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "healthy") == 0)
		return bless();
	fprintf(stderr, "usage: gh-slot healthy\n");
	return 2;
}
