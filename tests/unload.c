/*
 * unload.c - loads the library named by its argument, uses it, and unloads it again
 *
 * Afterwards nothing of it may be called: not by the threads that used it and are still
 * there, not by fork, not at the end of a thread or of the process.
 */
#include <chan.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(cond) ((cond) ? (void)0 : fail(__LINE__, #cond))

static _Noreturn void fail(int line, const char *what)
{
	fprintf(stderr, "unload.c:%d: %s\n", line, what);
	exit(1);
}

static struct library {
	void *handle;
	__typeof__(&chan_bounded) bounded;
	__typeof__(&chan_tick) tick;
	__typeof__(&chan_recv) recv;
	__typeof__(&chan_send) send;
	__typeof__(&chan_select) select;
	__typeof__(&chan_receiver_fd) receiver_fd;
	__typeof__(&chan_sender_drop) sender_drop;
	__typeof__(&chan_receiver_drop) receiver_drop;
} lib;

static sem_t used, unloaded;

/* POSIX has a function's address come as that of an object. */
static void find(const char *name, void *function)
{
	*(void **)function = dlsym(lib.handle, name);
	CHECK(*(void **)function != NULL);
}

static void load(const char *path)
{
	lib.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib.handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	find("chan_bounded", &lib.bounded);
	find("chan_tick", &lib.tick);
	find("chan_recv", &lib.recv);
	find("chan_send", &lib.send);
	find("chan_select", &lib.select);
	find("chan_receiver_fd", &lib.receiver_fd);
	find("chan_sender_drop", &lib.sender_drop);
	find("chan_receiver_drop", &lib.receiver_drop);
}

static void unload(const char *path)
{
	CHECK(dlclose(lib.handle) == 0);
	CHECK(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
}

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		continue;
}

/* Receives, by select as well, and outlives the library. */
static void *receive(void *arg)
{
	chan_receiver_t *rx = arg, *tick;
	struct timespec due;
	int n;

	CHECK(lib.tick(CHAN_MSEC, &tick) == 0);
	for (int i = 0; i < 20; i++) {
		chan_case_t cases[] = { CHAN_CASE_RECV(rx, &n), CHAN_CASE_RECV(tick, &due) };
		size_t which;

		CHECK(i % 2 ? lib.select(cases, 2, 0, &which) == 0 : lib.recv(rx, &n) == 0);
	}
	while (lib.recv(rx, &n) == 0)
		continue;
	lib.receiver_drop(tick);
	lib.receiver_drop(rx);
	CHECK(sem_post(&used) == 0);
	wait_sem(&unloaded);
	return NULL;
}

static void use(pthread_t *receiver)
{
	chan_sender_t *tx;
	chan_receiver_t *rx;
	int fd;

	CHECK(lib.bounded(2, sizeof(int), &tx, &rx) == 0);
	CHECK(lib.receiver_fd(rx, &fd) == 0);
	CHECK(pthread_create(receiver, NULL, receive, rx) == 0);
	for (int i = 0; i < 20; i++)
		CHECK(lib.send(tx, &i) == 0);
	lib.sender_drop(tx);
	wait_sem(&used);
}

static void fork_once(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	pthread_t receiver;

	CHECK(argc == 2);
	CHECK(sem_init(&used, 0, 0) == 0 && sem_init(&unloaded, 0, 0) == 0);
	for (int i = 0; i < 20; i++) {
		load(argv[1]);
		use(&receiver);
		unload(argv[1]);
		fork_once();
		CHECK(sem_post(&unloaded) == 0);
		CHECK(pthread_join(receiver, NULL) == 0);
	}
	return 0;
}
