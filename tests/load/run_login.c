/* gh-load login, idle and hold: what logging in and being there costs. */
#include "run.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { WARM_UP = 50 };

int run_login(void)
{
	struct meter_reading before, after;
	unsigned long done = 0;
	bool is_good = true;

	run.is_login_mode = true;
	is_good = run_log_all_in(); /* a first round that is not counted: caches fill on both sides */
	meter_read(&run.meter, &before);
	double start = meter_now();
	while (is_good && done < run.count) {
		run.logins = 0;
		is_good = run_log_all_in();
		done += run.logins;
	}
	double wall = meter_now() - start;
	run_spin(0.2);
	meter_read(&run.meter, &after);
	printf("{\"mode\":\"login\",\"logins\":%lu,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"per_s\":%.1f,\"per_cpu_s\":%.1f}\n",
	       done, wall, after.cpu_s - before.cpu_s, (double)done / wall,
	       (double)done / (after.cpu_s - before.cpu_s));
	return run_finish(is_good);
}

int run_idle(void)
{
	struct meter_reading empty, full, rested, left;

	/* A few first, so that what any server loads once at its first client is not counted a client. */
	unsigned all = run.users;
	run.users = all < WARM_UP ? all : WARM_UP;
	bool is_good = run_log_all_in();
	run_stop_all();
	run.users = all;
	run_spin(2);
	meter_read(&run.meter, &empty);
	is_good &= run_log_all_in();
	run_spin(2);
	meter_read(&run.meter, &full);
	run_spin(run.wait_s);
	meter_read(&run.meter, &rested);
	run_stop_all();
	run_spin(run.leave_wait_s);
	meter_read(&run.meter, &left);
	printf("{\"mode\":\"idle\",\"clients\":%u,\"empty_kib\":%llu,\"full_kib\":%llu,\"rested_kib\":%llu,\"left_kib\":%llu,"
	       "\"kib_per_client\":%.2f,\"kib_per_client_rested\":%.2f,\"login_cpu_s\":%.2f}\n",
	       run.ready, (unsigned long long)empty.pss_kib, (unsigned long long)full.pss_kib,
	       (unsigned long long)rested.pss_kib, (unsigned long long)left.pss_kib,
	       ((double)full.pss_kib - (double)empty.pss_kib) / run.users,
	       ((double)rested.pss_kib - (double)empty.pss_kib) / run.users, full.cpu_s - empty.cpu_s);
	return run_finish(is_good);
}

/* Logs in, says how that went, and stays until the input ends: what others cost beside those that are silent. */
int run_hold(void)
{
	struct meter_reading empty, full, rested;

	meter_read(&run.meter, &empty);
	double start = meter_now();
	bool is_good = run_log_all_in();
	double wall = meter_now() - start;
	meter_read(&run.meter, &full);
	run_spin(run.wait_s);
	meter_read(&run.meter, &rested);
	printf("{\"mode\":\"hold\",\"clients\":%u,\"per_s\":%.1f,\"per_cpu_s\":%.1f,\"empty_kib\":%llu,\"rested_kib\":%llu,"
	       "\"kib_per_client\":%.2f,\"idle_cpu_share\":%.4f}\n",
	       run.ready, run.ready / wall, run.ready / (full.cpu_s - empty.cpu_s), (unsigned long long)empty.pss_kib,
	       (unsigned long long)rested.pss_kib, ((double)rested.pss_kib - (double)empty.pss_kib) / run.users,
	       run.wait_s ? (rested.cpu_s - full.cpu_s) / run.wait_s : 0);
	fflush(stdout);
	for (struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN }; is_good && run.failures == 0 && poll(&in, 1, 0) == 0;)
		run_turn(100);
	is_good &= run.failures == 0;
	run_stop_all();
	return run_finish(is_good);
}
