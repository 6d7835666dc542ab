/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for stories of the virtio-mem driver: a fake memory device, the real driver, and a loop
 * as a kernel's, that sleeps until the driver wakes it or its time has come.
 *
 * Below the driver there is one of two: fake_machine_alone.c has the fake host and memory
 * operations without an allocator behind them, and so no line of Tide; fake_machine_mm.c has Tide's
 * own operations over the real mm on the fake platform. A program links one.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_MACHINE_H
#define TIDE_TESTS_FAKES_FAKE_MACHINE_H

#include "drivers/virtio/include/vmem/vmem.h"
#include "include/units.h"
#include "tests/fakes/fake_memory.h"
#include "tests/fakes/fake_vmem.h"

#define MACHINE_BASE        (4 * GIB)
#define MACHINE_BLOCK       (2 * MIB)
#define MACHINE_NR          512 /* blocks: a region of 1 GiB */
#define MACHINE_BLOCK_PAGES (MACHINE_BLOCK / FAKE_MEMORY_PAGE_BYTES)

struct machine {
    struct machine *next;
    struct fake_vmem device;
    struct fake_memory memory;   /* of fake_machine_alone.c */
    struct vmem_options options; /* to be changed before machine_attach() */
    struct vmem_device *driver;  /* NULL while detached */
    bool is_woken;
    uint64_t held;       /* machine_hold_page()'s page */
    uint64_t due_ms;     /* when vmem_service() wants to be called */
    uint64_t nr_calls;   /* of vmem_service() */
    uint64_t nr_at_once; /* of them, one after the other, that wanted another at once */
};

/* Those that were added since the last start of a host. */
extern struct machine *machines;

/* The host starts anew, and the device is there; not attached. */
void machine_boot(struct machine *machine, enum fake_vmem_manner manner);

/* The same with a region of one's own; and beside a machine that was booted. */
void machine_boot_region(struct machine *machine, enum fake_vmem_manner manner, uint64_t base,
                         uint64_t block_bytes, uint64_t nr_blocks);
void machine_add(struct machine *machine, enum fake_vmem_manner manner, const char *name,
                 uint64_t base, uint64_t block_bytes, uint64_t nr_blocks);

/* Boot, attach, and run until the first plan has settled. */
void machine_start(struct machine *machine, enum fake_vmem_manner manner);

/* The same, and 64 MiB plugged. */
void machine_start_with_64m(struct machine *machine, enum fake_vmem_manner manner);

/* vmem_attach(), which must succeed; or its status, and no driver where it fails. */
void machine_attach(struct machine *machine);
int machine_try_attach(struct machine *machine);

/* vmem_detach() must return this; after VMEM_OK the driver is gone. */
void machine_detach(struct machine *machine, int expected);

/* The end of all machines and of the host: a test's tear-down. */
void machine_end(void);

/* One call of vmem_service(), with every check on. */
void machine_turn(struct machine *machine);

/* Let that much time pass: the driver is called at once, when it wakes the host, and when due. */
void machine_run(struct machine *machine, uint64_t ms);

/* The host sets the requested size, and that much time passes. */
void machine_resize(struct machine *machine, uint64_t bytes, uint64_t ms);

/* Fails unless the device has that much plugged, the driver agrees, and all of it is online. */
void machine_expect(const struct machine *machine, uint64_t plugged_bytes);

struct vmem_status machine_status(const struct machine *machine);

/* ---- what lies below the driver ---- */

/* Take a page of the region before the trouble; it must be online throughout, then is freed. */
void machine_hold_page(struct machine *machine);
void machine_expect_page(struct machine *machine);

/* For fake_machine.c: the host; the allocator of a machine; and before and after each turn. */
void machine_host_start(void);
void machine_host_stop(void);
void machine_pass_ms(uint64_t ms);
void machine_add_memory(struct machine *machine);
void machine_remove_memory(struct machine *machine);
void machine_tell_of_freed(struct machine *machine);
void machine_check_memory(const struct machine *machine);
uint64_t machine_online_bytes(const struct machine *machine);

#endif
