#include "meter.h"

#include "base/err.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ALL_PIDS_MAX = 4096 };

struct proc_stat {
	pid_t pid, parent;
	unsigned long long ticks;
	bool is_wanted;
};

int meter_init(struct meter *m, const char *pids)
{
	m->n_roots = 0;
	for (const char *p = pids; *p;) {
		char *end;
		long v = strtol(p, &end, 10);
		if (end == p || v <= 0 || m->n_roots == METER_PIDS_MAX)
			return ERR_SYNTAX;
		m->roots[m->n_roots++] = (pid_t)v;
		p = *end == ',' ? end + 1 : end;
		if (*end && *end != ',')
			return ERR_SYNTAX;
	}
	return m->n_roots ? 0 : ERR_SYNTAX;
}

static bool read_stat(pid_t pid, struct proc_stat *out)
{
	char path[64], text[1024];
	unsigned long long utime, stime, cutime, cstime;
	int parent;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	const char *after = strrchr(text, ')');
	if (!after || sscanf(after + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu",
			     &parent, &utime, &stime, &cutime, &cstime) != 5)
		return false;
	*out = (struct proc_stat){ pid, parent, utime + stime + cutime + cstime, false };
	return true;
}

static size_t read_all(struct proc_stat *all)
{
	DIR *d = opendir("/proc");
	size_t n = 0;

	if (!d)
		return 0;
	for (struct dirent *e; n < ALL_PIDS_MAX && (e = readdir(d));) {
		pid_t pid = atoi(e->d_name);
		if (pid > 0 && read_stat(pid, &all[n]))
			n++;
	}
	closedir(d);
	return n;
}

static bool is_root(const struct meter *m, pid_t pid)
{
	for (size_t i = 0; i < m->n_roots; i++)
		if (m->roots[i] == pid)
			return true;
	return false;
}

/* Marks roots, then children of marked ones until nothing changes. */
static void mark_tree(const struct meter *m, struct proc_stat *all, size_t n)
{
	for (bool has_changed = true; has_changed;) {
		has_changed = false;
		for (size_t i = 0; i < n; i++) {
			if (all[i].is_wanted)
				continue;
			bool is_wanted = is_root(m, all[i].pid);
			for (size_t j = 0; j < n && !is_wanted; j++)
				is_wanted = all[j].is_wanted && all[j].pid == all[i].parent;
			all[i].is_wanted = is_wanted;
			has_changed |= is_wanted;
		}
	}
}

static void add_memory(pid_t pid, struct meter_reading *out)
{
	char path[64], line[256];
	unsigned long long kib;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "Pss: %llu kB", &kib) == 1)
			out->pss_kib += kib;
		else if (sscanf(line, "Rss: %llu kB", &kib) == 1)
			out->rss_kib += kib;
	}
	fclose(f);
}

/* What the scheduler counted for each thread. */
static double run_time(pid_t pid)
{
	char path[320];
	unsigned long long ns, sum = 0;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *d = opendir(path);
	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, e->d_name);
		FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		fclose(f);
	}
	closedir(d);
	return (double)sum / 1e9;
}

void meter_read(const struct meter *m, struct meter_reading *out)
{
	struct proc_stat *all = calloc(ALL_PIDS_MAX, sizeof *all);
	unsigned long long ticks = 0;

	*out = (struct meter_reading){ 0 };
	if (!all)
		return;
	size_t n = read_all(all);
	mark_tree(m, all, n);
	for (size_t i = 0; i < n; i++) {
		if (!all[i].is_wanted)
			continue;
		ticks += all[i].ticks;
		out->processes++;
		out->run_s += run_time(all[i].pid);
		add_memory(all[i].pid, out);
	}
	out->cpu_s = (double)ticks / (double)sysconf(_SC_CLK_TCK);
	free(all);
}

double meter_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
