#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

struct run run;

uint64_t run_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void fill(void)
{
	while (run.in_flight < run.in_flight_max && run.started < run.users) {
		struct client *c = &run.clients[run.started++];
		if (client_start(c)) {
			run.failures++;
			run.last_failure = "no socket";
			continue;
		}
		run.in_flight++;
	}
}

void run_on_ready(struct client *c)
{
	run.in_flight--;
	run.ready++;
	run.logins++;
	if (run.is_login_mode)
		client_stop(c);
}

void run_on_gone(struct client *c, const char *why)
{
	if (strcmp(why, "done") == 0)
		return;
	run.failures++;
	run.last_failure = why;
	if (c->state != CLIENT_READY && run.in_flight)
		run.in_flight--;
}

void run_turn(int wait_ms)
{
	struct epoll_event ev[256];
	int n = epoll_wait(run.plan.epoll, ev, 256, run.pause_ms ? 1 : wait_ms);

	for (int i = 0; i < n; i++)
		client_event(ev[i].data.ptr, ev[i].events);
	if (run.each_turn)
		run.each_turn();
}

bool run_log_all_in(void)
{
	double end = meter_now() + run.timeout_s;

	run.started = run.ready = run.in_flight = 0;
	while (run.ready + run.failures < run.users && meter_now() < end) {
		fill();
		run_turn(100);
	}
	return run.ready == run.users;
}

void run_spin(double seconds)
{
	for (double end = meter_now() + seconds; meter_now() < end;)
		run_turn(20);
}

void run_stop_all(void)
{
	for (unsigned i = 0; i < run.users; i++)
		client_stop(&run.clients[i]);
	run_spin(1);
}

static double percentile(double p)
{
	unsigned long seen = 0, all = 0;

	for (int i = 0; i < LATENCY_BUCKETS; i++)
		all += run.latency[i];
	for (int i = 0; i < LATENCY_BUCKETS; i++) {
		seen += run.latency[i];
		if (all && (double)seen >= p * (double)all)
			return (double)(i + 1) * LATENCY_STEP_US / 1000.0;
	}
	return 0;
}

int run_finish(bool is_good)
{
	if (run.last_failure)
		fprintf(stderr, "gh-load: %lu failures, last: %s\n", run.failures, run.last_failure);
	return is_good && run.failures == 0 ? 0 : 1;
}

int run_put_message(char *text, size_t room, const char *to, const char *type)
{
	return snprintf(text, room, "<message to='%s' type='%s' id='%llx'><body>%.*s</body></message>", to, type,
			(unsigned long long)run_now_us(), (int)run.body_bytes,
			"Here is a line of one hundred characters that two people might well say to each other over lunch. "
			"And one more sentence, so that longer bodies can be had as well; nobody reads them anyway, alas.");
}

void run_count_message(struct bytes stanza)
{
	run.messages++;
	const char *id = memmem(stanza.p, stanza.n, " id='", 5);
	if (!id)
		id = memmem(stanza.p, stanza.n, " id=\"", 5);
	if (!id)
		return;
	uint64_t at = (run_now_us() - strtoull(id + 5, NULL, 16)) / LATENCY_STEP_US;
	run.latency[at < LATENCY_BUCKETS ? at : LATENCY_BUCKETS - 1]++;
}

void run_measure_begin(struct run_measure *m)
{
	memset(run.latency, 0, sizeof run.latency);
	run.messages = 0;
	meter_read(&run.meter, &m->before);
	m->start = meter_now();
}

unsigned long run_measure_print(const struct run_measure *m, bool is_first)
{
	struct meter_reading after;
	double wall = meter_now() - m->start;

	meter_read(&run.meter, &after);
	unsigned long n = run.messages;
	double cpu = after.cpu_s - m->before.cpu_s;
	printf("%s{\"messages\":%lu,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"per_s\":%.0f,\"per_cpu_s\":%.0f,"
	       "\"cpu_s_per_million\":%.2f,\"p50_ms\":%.2f,\"p99_ms\":%.2f}",
	       is_first ? "" : ",", n, wall, cpu, (double)n / wall, cpu > 0 ? (double)n / cpu : 0,
	       n ? cpu / (double)n * 1e6 : 0, percentile(0.5), percentile(0.99));
	return n;
}
