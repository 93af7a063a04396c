/*
 * probe.h - seam: places that a tracer can watch
 *
 * With --enable-probes each is a USDT probe of provider libchan: one nop, and a note in
 * the file that says where it is and where its arguments are.  Without, it is nothing.
 *
 *   send        channel, messages   they are in
 *   receive     channel, messages   they were taken out
 *               (in mutex_condvar without a limit also by the last receiver's leaving)
 *   block       channel, side       the thread stands in the queue: 0 to send, 1 to receive
 *   wake        channel, result     it goes on: EAGAIN to look again, ETIMEDOUT, 0 ...;
 *                                   no channel: nobody woke it
 *   disconnect  channel, cause      0 a call, 1 the last sender, 2 the last receiver left
 *
 * An argument is something that is at hand there: a probe must not make the compiler
 * keep, load or compute anything on the way of a message.
 */
#ifndef CHAN_BASE_PROBE_H
#define CHAN_BASE_PROBE_H

#ifdef CHAN_PROBES
#include <sys/sdt.h>
#ifdef __clang__ /* what sdt.h's macros expand to, where they are used */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define CHAN__PROBE(name, channel, detail) STAP_PROBE2(libchan, name, channel, detail)
#else
#define CHAN__PROBE(name, channel, detail) ((void)0)
#endif

#endif
