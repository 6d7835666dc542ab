/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One machine for the scenarios of the virtio-mem driver: fake platform, the
 * real mm/, a fake memory device, the real driver, and a loop that turns the
 * clock as kernel/main.c does, with every check on at each turn.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_VMEM_MACHINE_H
#define TIDE_TESTS_FAKES_FAKE_VMEM_MACHINE_H

#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/include/vmem/vmem.h"
#include "include/status.h"
#include "mm/page.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_vmem.h"
#include "tests/unit/unit.h"

#define MACHINE_BASE  (4 * GIB)
#define MACHINE_BLOCK (2 * MIB)
#define MACHINE_NR    512 /* blocks: a region of 1 GiB */

struct machine {
    struct fake_vmem device;
    struct vmem_device *driver; /* NULL while detached */
    enum vmem_irq_mode irq_mode;
    enum vmem_init init;
    paddr_t page;     /* machine_hold_page()'s */
    u64 plugged_used; /* frames, at the last turn */
    u64 due_ms;       /* when vmem_service() wants to be called */
    u64 nr_events;    /* interrupts seen by the loop below */
    u64 nr_calls;     /* of vmem_service() */
    u64 nr_at_once;   /* of them, one after the other, that wanted another at once */
};

/* Boot 64 MiB, and put the device there; not attached. */
void machine_boot(struct machine *machine, enum fake_vmem_manner manner);

/* The same with a region of one's own. */
void machine_boot_region(struct machine *machine, enum fake_vmem_manner manner, u64 base,
                         u64 block_bytes, u64 nr_blocks);

/* Boot, attach, and run until the first plan has settled. */
void machine_start(struct machine *machine, enum fake_vmem_manner manner);

/* The same, and 64 MiB plugged. */
void machine_start_with_64m(struct machine *machine, enum fake_vmem_manner manner);

void machine_attach(struct machine *machine);
void machine_shutdown(struct machine *machine);

/* Let that much time pass: the driver is called at once, at each interrupt, and when it is due. */
void machine_run(struct machine *machine, u64 ms);

/* Host: set the requested size and run for that long. */
void machine_resize(struct machine *machine, u64 bytes, u64 ms);

/* Fails unless the device has that much plugged, the driver agrees, and all of it is mapped. */
void machine_expect(const struct machine *machine, u64 plugged_bytes);

/* Take a page of the region before the trouble; it must be mapped throughout, then is freed. */
void machine_hold_page(struct machine *machine);
void machine_expect_page(const struct machine *machine);

/* The device was given up for that reason, and nothing waits for it. */
void machine_expect_broken(const struct machine *machine, const char *reason);

struct vmem_status machine_status(const struct machine *machine);

/* How often the text occurs on the console. */
unsigned machine_said(const char *text);

#endif
