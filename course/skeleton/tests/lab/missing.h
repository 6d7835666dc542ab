/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function that is yours to write calls lab_missing(), which says so and ends: the kernel by a
 * panic on its console, a test with a line of output. Every C file has this header, by the
 * Makefile.
 */
#ifndef TIDE_TESTS_LAB_MISSING_H
#define TIDE_TESTS_LAB_MISSING_H

#ifndef __ASSEMBLER__

#define LAB_MISSING_TEXT "lab: %s() of %s is yours to write"

#if __STDC_HOSTED__
int dprintf(int fd, const char *format, ...);
_Noreturn void _exit(int status);
#define lab_missing(function) (dprintf(2, "\n" LAB_MISSING_TEXT "\n", function, __FILE__), _exit(1))
#else
_Noreturn void panic(const char *format, ...);
#define lab_missing(function) panic(LAB_MISSING_TEXT, function, __FILE__)
#endif

#endif
#endif
