/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole kernel in a host program: kernel_start() and kernel_turn() over a
 * fake board (fake_arch.h), a fake PCI tree with hotplug slots, and memory devices
 * (fake_vmem.h) whose memory is there. A test types lines, reads
 * the console, and changes the requested sizes meanwhile.
 *
 * A program that uses it is linked as kernel.mk says: transport_create_pci() and
 * transport_create_mmio() give the driver the fake transport of the memory device at that place.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_KERNEL_H
#define TIDE_TESTS_FAKES_FAKE_KERNEL_H

#include "tests/fakes/fake_arch.h"
#include "tests/fakes/fake_cpus.h"
#include "tests/fakes/fake_pci_slot.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_vmem.h"

#define KERNEL_BLOCK       (2 * MIB)
#define KERNEL_NR_BLOCKS   24
#define KERNEL_DEVICES_MAX 20
#define KERNEL_BOOT_BYTES  (16 * MIB)

/* A board with boot RAM and a host bridge, not started; kernel_add_*() comes next. */
void kernel_prepare(u64 boot_bytes);

/* Before the start: what the loader said, to be changed. */
struct boot_info *kernel_boot_info(void);

/* What the devices that are added next have; at first 24 blocks of 2 MiB. */
void kernel_choose_region(u64 block_bytes, u64 nr_blocks);

/* Where the first region is; at first FAKE_REGION_BASE. */
void kernel_choose_base(u64 base);

/* A memory device of the board, in slot `device` of the root bus. */
struct fake_vmem *kernel_add_vmem(u8 device);

/* Another virtio device, which the test has made. */
void kernel_add_virtio(u8 device, u32 id, struct fake_transport *transport);
void kernel_plug_virtio(struct fake_pci_slot *slot, u32 id, struct fake_transport *transport);

/* The same behind registers that virtio_mmio.device= names. */
struct fake_vmem *kernel_add_mmio_vmem(paddr_t base);

/* Any other function on the root bus. */
struct fake_pci_function *kernel_add_function(u8 device, u16 vendor_id, u16 device_id, u16 class);

/* An empty hotplug slot behind port `device`; a memory device comes into it. */
struct fake_pci_slot *kernel_add_slot(u8 device);
struct fake_vmem *kernel_plug(struct fake_pci_slot *slot);

/* It is pulled out; its driver sees all ones. */
void kernel_pull(struct fake_pci_slot *slot, struct fake_vmem *vmem);

/* Start, and turn until the monitor shows its prompt. */
void kernel_boot(const char *cmdline);

/* The same with one device at 00:04.0, which is returned, in KERNEL_BOOT_BYTES. */
struct fake_vmem *kernel_boot_simply(void);

/*
 * kernel_turn(). The other processors work in between: at once on a job in the foreground, on
 * another one when it was told to end; never while they hang.
 */
extern bool kernel_processors_hang;
void kernel_take_turn(void);

/* Turns for that long: events are served at once, a tick passes where there are none. */
void kernel_run(u64 ms);

/* Request a size, and give it half a minute. */
void kernel_resize(struct fake_vmem *vmem, u64 bytes);

/* Type a line and turn until it has run, and its job, if that keeps the prompt. Returns what the
 * console showed since. */
const char *kernel_type(const char *line);

/* The line's output must have, or must not have, this text. */
void kernel_expect(const char *line, const char *text);
void kernel_expect_not(const char *line, const char *text);

/* The same for a table of lines. */
struct kernel_line {
    const char *line;
    const char *said;
};
void kernel_expect_each(const struct kernel_line *lines, unsigned nr_lines);

/* Fails unless the line ends the machine with that value. */
void kernel_expect_exit(const char *line, unsigned exit_value);

/* The end: mm's counters are right, every job has ended; the board goes. */
void kernel_stop(void);

/* The same as a program's tear-down. */
void kernel_tear_down(void);

/* The same after the device's last block was given back: boot RAM is as at the start. */
void kernel_stop_empty(struct fake_vmem *vmem);

#endif
