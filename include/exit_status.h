/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The values that Tide writes to QEMU's isa-debug-exit device (port 0xf4).
 * QEMU then ends with the status (value << 1) | 1, which is never 0; the
 * status is written beside each. README and docs/debugging.md show this table.
 */
#ifndef TIDE_INCLUDE_EXIT_STATUS_H
#define TIDE_INCLUDE_EXIT_STATUS_H

#define EXIT_PORT 0xf4

enum exit_status {
    EXIT_OK = 0x10,             /* 33: `exit`, or `exit 0` */
    EXIT_CHECK_FAILED = 0x11,   /* 35: `check` found a page with the wrong content */
    EXIT_PANIC = 0x12,          /* 37: one of Tide's own invariants broke */
    EXIT_TRAP = 0x13,           /* 39: a processor exception in the kernel */
    EXIT_BOOT = 0x14,           /* 41: the boot loader's data or the machine cannot be used */
    EXIT_COMMAND_FAILED = 0x15, /* 43: a command of `run=` failed, and an `exit` was to follow */
    EXIT_USER = 0x40,           /* 129 + 2 * n: `exit n`, n from 1 to 63 */
};

#define EXIT_USER_MAX 63

#endif
