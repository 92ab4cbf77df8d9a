#include "comply.h"

#include "run/alarm.h"

#include <stdio.h>

void watch_disk(struct comply *c)
{
	unsigned percent = ledger_free(&c->ledger);
	char text[64];

	snprintf(text, sizeof text, "%u %% of the disk are free", percent);
	alarm_set(ALARM_COMPLY_DISK, "", percent < c->config.free_percent, text);
	alarm_set(ALARM_COMPLY_DAMAGED, "", c->found.is_damaged, "the newest segment was damaged at the start: compliance verify names the record");
}
