/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_kernel.h. */
#include "tests/fakes/fake_kernel.h"

#include <stdio.h>

#include <asm/cpu.h>

#include "arch/x86_64/arch.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "extras/jobs/job.h"
#include "extras/log/log_option.h"
#include "extras/mmio/mmio.h"
#include "extras/vm/vm.h"
#include "include/status.h"
#include "kernel/kmain.h"
#include "kernel/transports.h"
#include "lib/log.h"
#include "mm/page.h"
#include "monitor/monitor.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_vm.h"
#include "tests/unit/unit.h"

#define REGION_STRIDE  GIB
#define TURNS_MAX      100000 /* of one line: only a hang takes more */
#define RESIZE_MS      30000
#define CARD_BAR_BYTES (16 * KIB)

struct place {
    struct fake_vmem vmem;
    struct fake_transport *other; /* what is there, if it is no memory device */
    paddr_t mmio_base;            /* or 0: it is on PCI */
    struct pci_address address;
};

bool kernel_processors_hang;

static struct boot_info boot;
static struct fake_pci_bus *root;
static struct place places[KERNEL_DEVICES_MAX];
static unsigned nr_places;
static u8 nr_slots;
static u64 block_bytes; /* of the devices that are added next */
static u64 nr_blocks;
static u64 regions_base;
static struct page_stats at_boot;

/* ---- transports: see kernel.mk ---- */

int __wrap_transport_create_pci(struct pci_device *pci, struct vmem_virtio **created);
void __wrap_transport_destroy_pci(struct vmem_virtio *device);
int __wrap_transport_create_mmio(const struct mmio_address *address, bool wants_irq,
                                 struct vmem_virtio **created);
void __wrap_transport_destroy_mmio(struct vmem_virtio *device);

/* Of several in one slot the one that came last. */
int __wrap_transport_create_pci(struct pci_device *pci, struct vmem_virtio **created)
{
    for (unsigned i = nr_places; i-- > 0;) {
        if (places[i].mmio_base != 0 || places[i].address.bus != pci->address.bus ||
            places[i].address.device != pci->address.device)
            continue;
        *created = places[i].other ? &places[i].other->device : &places[i].vmem.transport.device;
        return OK;
    }
    return E_NODEV;
}

int __wrap_transport_create_mmio(const struct mmio_address *address, bool wants_irq,
                                 struct vmem_virtio **created)
{
    (void)wants_irq;
    for (unsigned i = 0; i < nr_places; i++) {
        if (places[i].mmio_base != address->base)
            continue;
        *created = &places[i].vmem.transport.device;
        return OK;
    }
    return E_NODEV;
}

void __wrap_transport_destroy_pci(struct vmem_virtio *device)
{
    device->ops->irq_disable(device);
}

void __wrap_transport_destroy_mmio(struct vmem_virtio *device)
{
    device->ops->irq_disable(device);
}

/* ---- the board ---- */

void kernel_prepare(u64 boot_bytes)
{
    fake_boot(&boot, boot_bytes);
    fake_vm_start();
    const struct job *left = jobs_next(NULL);
    if (left)
        fail_msg("a test before has left '%s' running", left->name);
    fake_arch_start();
    root = fake_pci_start();
    fake_pci_slots_reset();
    kernel_add_function(0, 0x8086, 0x1237, 0x0600);
    assert_int_equal(log_configure("info"), OK);
    nr_places = 0;
    nr_slots = 0;
    kernel_processors_hang = false;
    kernel_choose_region(KERNEL_BLOCK, KERNEL_NR_BLOCKS);
    kernel_choose_base(FAKE_REGION_BASE);
}

struct boot_info *kernel_boot_info(void)
{
    return &boot;
}

void kernel_choose_region(u64 bytes_a_block, u64 blocks)
{
    block_bytes = bytes_a_block;
    nr_blocks = blocks;
}

void kernel_choose_base(u64 base)
{
    regions_base = base;
}

struct fake_pci_function *kernel_add_function(u8 device, u16 vendor_id, u16 device_id, u16 class)
{
    struct fake_pci_function *function = fake_pci_add(root, device, 0, vendor_id, device_id);
    fake_pci_set(function, PCI_CLASS_REVISION + 2, 2, class);
    return function;
}

static struct place *add_place(void)
{
    assert_true(nr_places < KERNEL_DEVICES_MAX);
    struct place *place = &places[nr_places];
    u64 base = regions_base + nr_places++ * REGION_STRIDE;
    place->mmio_base = 0;
    place->other = NULL;
    fake_back(base, nr_blocks * block_bytes);
    fake_vmem_init(&place->vmem, FAKE_VMEM_QEMU, base, block_bytes, nr_blocks);
    return place;
}

static void locate(struct place *place, struct pci_address address)
{
    char text[PCI_ADDRESS_TEXT_BYTES];
    place->address = address;
    snprintf(place->vmem.transport.device.location, sizeof(place->vmem.transport.device.location),
             "pci %s", pci_address_text(address, text));
}

struct fake_vmem *kernel_add_vmem(u8 device)
{
    struct place *place = add_place();
    kernel_add_function(device, 0x1af4, 0x1040 + VIRTIO_ID_MEM, 0x00ff);
    locate(place, (struct pci_address){.device = device});
    return &place->vmem;
}

void kernel_add_virtio(u8 device, u32 id, struct fake_transport *transport)
{
    struct place *place = add_place();
    kernel_add_function(device, 0x1af4, (u16)(0x1040 + id), 0x00ff);
    locate(place, (struct pci_address){.device = device});
    place->other = transport;
}

void kernel_plug_virtio(struct fake_pci_slot *slot, u32 id, struct fake_transport *transport)
{
    kernel_plug(slot);
    places[nr_places - 1].other = transport;
    fake_pci_set(slot->card, 2, 2, (u16)(0x1040 + id));
}

struct fake_vmem *kernel_add_mmio_vmem(paddr_t base)
{
    struct place *place = add_place();
    place->mmio_base = base;
    return &place->vmem;
}

struct fake_pci_slot *kernel_add_slot(u8 device)
{
    return fake_pci_slot_add(root, device, ++nr_slots, PCI_EXPRESS_TYPE_ROOT_PORT);
}

struct fake_vmem *kernel_plug(struct fake_pci_slot *slot)
{
    struct place *place = add_place();
    locate(place, (struct pci_address){.bus = slot->bus->bridge->config[PCI_BRIDGE_BUSES + 1]});
    slot->card_is_dead = false;
    fake_pci_slot_plug(slot);
    return &place->vmem;
}

void kernel_pull(struct fake_pci_slot *slot, struct fake_vmem *vmem)
{
    vmem->transport.faults.vanished = true;
    fake_pci_slot_take(slot);
}

/* ---- running ---- */

static bool run_others(void)
{
    bool has_run = false;
    for (const struct job *job = jobs_next(NULL); job; job = jobs_next(job)) {
        for (unsigned id = 1; id < CPUS_MAX; id++) {
            if (job_has_processor(job, id) && cpus_busy(id) && !kernel_processors_hang &&
                (job->in_foreground || job_is_ending(job))) {
                fake_cpu_work(id);
                has_run = true;
            }
        }
    }
    return has_run;
}

void kernel_take_turn(void)
{
    fake_board.run_others = run_others;
    kernel_turn();
}

void kernel_boot(const char *cmdline)
{
    snprintf(boot.cmdline, sizeof(boot.cmdline), "%s", cmdline);
    kernel_start(&boot);
    for (unsigned turns = 0; !strstr(fake_console(), "tide: ready\n"); turns++) {
        assert_true(turns < TURNS_MAX);
        kernel_take_turn();
    }
    kernel_run(20);
    page_get_stats(&at_boot);
}

struct fake_vmem *kernel_boot_simply(void)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *vmem = kernel_add_vmem(4);
    kernel_boot("");
    return vmem;
}

void kernel_run(u64 ms)
{
    u64 end_ms = platform_now_ms() + ms;
    fake_board.awake_ms = end_ms;
    for (unsigned turns = 0; platform_now_ms() < end_ms; turns++) {
        assert_true(turns < TURNS_MAX);
        kernel_take_turn();
    }
}

void kernel_resize(struct fake_vmem *vmem, u64 bytes)
{
    fake_vmem_set_requested(vmem, bytes);
    kernel_run(RESIZE_MS);
}

const char *kernel_type(const char *line)
{
    fake_console_clear();
    fake_type(line);
    fake_type("\r");
    for (unsigned turns = 0; !fake_all_read() || monitor_due_ms() == 0 || jobs_in_foreground();
         turns++) {
        assert_true(turns < TURNS_MAX);
        kernel_take_turn();
    }
    return fake_console();
}

void kernel_expect(const char *line, const char *text)
{
    if (!strstr(kernel_type(line), text))
        fail_msg("'%s' did not print '%s' but: %s", line, text, fake_console());
}

void kernel_expect_not(const char *line, const char *text)
{
    if (strstr(kernel_type(line), text))
        fail_msg("'%s' printed '%s': %s", line, text, fake_console());
}

void kernel_expect_each(const struct kernel_line *lines, unsigned nr_lines)
{
    for (unsigned i = 0; i < nr_lines; i++)
        kernel_expect(lines[i].line, lines[i].said);
}

void kernel_expect_exit(const char *line, unsigned exit_value)
{
    if (setjmp(*fake_expect_exit()) == 0) {
        kernel_type(line);
        fake_no_exit_came(line);
    } else {
        fake_exit_was(exit_value, "");
    }
}

void kernel_stop(void)
{
    page_check();
    vm_check();
    for (unsigned i = 0; i < nr_places; i++) {
        struct fake_vmem *vmem = &places[i].vmem;
        fake_unback(vmem->base, vmem->nr_blocks * vmem->block_bytes);
        fake_vmem_free(vmem);
    }
    fake_pci_stop();
    fake_vm_stop();
    fake_shutdown();
}

void kernel_tear_down(void)
{
    kernel_stop();
}

void kernel_stop_empty(struct fake_vmem *vmem)
{
    struct page_stats at_last;
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
    page_get_stats(&at_last);
    assert_int_equal(at_last.boot_used, at_boot.boot_used);
    kernel_stop();
}
