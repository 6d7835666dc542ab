/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poison, in a kernel built with DEBUG=1: a page that is freed is filled with a
 * pattern, and looked at when it is allocated again. If somebody wrote to it
 * meanwhile, the kernel ends with address, offset and value.
 *
 * Frames that nobody has freed are neither read nor written: a bit for each
 * frame, made with the first free in its section, says which ones hold the
 * pattern. A section for whose bits there is no boot RAM above the reserve goes
 * without. In any other build all this is nothing.
 */
#ifndef TIDE_EXTRAS_CHECK_POISON_H
#define TIDE_EXTRAS_CHECK_POISON_H

/* Fills freed pages: a word of 32 bits twice, as PAGE_POISON tells it a host. As a pointer no
 * processor follows it. */
#define POISON_WORD 0xf4eedf4ef4eedf4e

#endif
