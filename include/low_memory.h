/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose the memory below LOW_PAGES_END is: docs/decisions/low-memory.md says why. mm never has
 * a page of it. For C and assembly.
 */
#ifndef TIDE_INCLUDE_LOW_MEMORY_H
#define TIDE_INCLUDE_LOW_MEMORY_H

/* Where other processors begin that this kernel starts. */
#define LOW_START_PAGE 0x8000

/* Where the boot processor wakes; at another time, the code that copies the next kernel. */
#define LOW_WAKE_PAGE     0x9000
#define LOW_HANDOVER_PAGE 0x9000

/* What the next kernel reads. */
#define LOW_INFO_PAGE 0xa000

/* Where firmware starts other processors, at a reset and at a wake-up. */
#define LOW_FIRMWARE_START_PAGE 0x10000

#define LOW_PAGES_END 0x11000

#endif
