#include "hasher.h"

#include "base/err.h"
#include "base/secret.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* What passes on the pair: one packet there, one back. Both ends are one program. */
struct question {
	struct scrypt scrypt;
	uint16_t password_n;
	uint8_t password[OPER_PASSWORD_MAX];
};

struct answer {
	int32_t rc;
	uint8_t hash[SCRYPT_HASH_BYTES];
};

bool hasher_work_once(int fd)
{
	struct question q;
	struct answer a = { 0 };
	bool is_right = recv(fd, &q, sizeof q, 0) == sizeof q && q.password_n <= sizeof q.password;

	if (is_right) {
		a.rc = scrypt_compute(&q.scrypt, bytes_make(q.password, q.password_n), a.hash);
		is_right = send(fd, &a, sizeof a, MSG_NOSIGNAL) == sizeof a;
	}
	secret_wipe(&q, sizeof q);
	secret_wipe(&a, sizeof a);
	return is_right;
}

void hasher_work(int fd)
{
	while (hasher_work_once(fd))
		;
}

static bool send_question(struct hasher *h, struct hash_job *job)
{
	struct question q = { .scrypt = job->scrypt, .password_n = (uint16_t)job->password_n };

	memcpy(q.password, job->password, job->password_n);
	bool is_sent = send(h->watch.fd, &q, sizeof q, MSG_NOSIGNAL) == sizeof q;
	secret_wipe(&q, sizeof q);
	secret_wipe(job->password, sizeof job->password);
	return is_sent;
}

static void start_next(struct hasher *h)
{
	if (h->is_at_work || list_is_empty(&h->queue))
		return;
	struct hash_job *job = LIST_OWNER(h->queue.next, struct hash_job, node);
	list_del(&job->node);
	h->n_queued--;
	h->current = job;
	h->is_at_work = true;
	if (!send_question(h, job))
		h->lost(h->arg);
}

static void on_answer(void *arg, unsigned events)
{
	struct hasher *h = arg;
	struct answer a;
	ssize_t n = recv(h->watch.fd, &a, sizeof a, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof a) {
		loop_watch_del(&h->watch);
		h->lost(h->arg);
		return;
	}
	struct hash_job *job = h->current;
	h->current = NULL;
	h->is_at_work = false;
	if (job)
		job->fn(job, a.rc, a.hash);
	secret_wipe(&a, sizeof a);
	start_next(h);
}

int hasher_init(struct hasher *h, struct loop *l, int fd, void (*lost)(void *arg), void *arg)
{
	*h = (struct hasher){ .loop = l, .lost = lost, .arg = arg };
	list_init(&h->queue);
	return loop_watch_add(l, &h->watch, fd, LOOP_READ, on_answer, h);
}

void hasher_fini(struct hasher *h)
{
	int fd = h->watch.fd;

	if (!h->watch.loop)
		return;
	loop_watch_del(&h->watch);
	(void)close(fd); /* the second process ends by it */
}

static size_t count_source(const struct hasher *h, const char *source)
{
	size_t n = h->current && strcmp(h->current->source, source) == 0;

	LIST_EACH(it, &h->queue)
		n += strcmp(LIST_OWNER(it, struct hash_job, node)->source, source) == 0;
	return n;
}

int hasher_start(struct hasher *h, struct hash_job *job, struct bytes password, hash_fn fn)
{
	if (password.n > sizeof job->password)
		return ERR_LIMIT;
	if (h->n_queued >= HASHER_QUEUE_MAX || count_source(h, job->source) >= HASHER_SOURCE_MAX)
		return ERR_FULL;
	job->fn = fn;
	if (password.n > 0)
		memcpy(job->password, password.p, password.n);
	job->password_n = password.n;
	list_add_tail(&h->queue, &job->node);
	h->n_queued++;
	start_next(h);
	return 0;
}

void hasher_cancel(struct hasher *h, struct hash_job *job)
{
	if (h->current == job)
		h->current = NULL;
	if (list_is_linked(&job->node)) {
		list_del(&job->node);
		h->n_queued--;
	}
	secret_wipe(job->password, sizeof job->password);
}
