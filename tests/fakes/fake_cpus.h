/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processors and the serial port of arch/x86_64/arch.h for the host programs. A job
 * of another processor runs when the test says so, in the test's own thread.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_CPUS_H
#define TIDE_TESTS_FAKES_FAKE_CPUS_H

#include "include/types.h"

/* Start afresh: so many processors run, without work, and nothing was typed. */
void fake_cpus_reset(unsigned nr);

/* The processor does not run, though those after it do; or it does, late. */
void fake_cpu_lose(unsigned id);
void fake_cpu_start(unsigned id);

/* It has work that nobody told of. */
void fake_cpu_occupy(unsigned id);

/* Run its job to the end; there must be one. */
void fake_cpu_work(unsigned id);

/* What serial_read() gives from now on, after what is left; at most 4 KiB. */
void fake_type(const char *text);
bool fake_all_read(void);

#endif
