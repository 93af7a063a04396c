/*
 * exit.c - linked to the suites where coverage is measured: what was counted is written
 * wherever a process may end, not only where exit does it.  Children of forks leave by
 * _exit, or kill themselves lest a leak checker looks, or are to abort.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int __llvm_profile_write_file(void);

_Noreturn void _exit(int status)
{
	(void)__llvm_profile_write_file();
	for (;;)
		syscall(SYS_exit_group, status);
}

int raise(int number)
{
	(void)__llvm_profile_write_file();
	return (int)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

_Noreturn void abort(void)
{
	raise(SIGABRT);
	signal(SIGABRT, SIG_DFL);
	raise(SIGABRT);
	_exit(127);
}
