/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: a virtio PCI function whose config space and registers
 * are the input. The transport stays within the BARs (an access that no BAR
 * decodes ends the run), and every wait ends.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/core/virtqueue.h"
#include "drivers/virtio/pci/virtio_pci_caps.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/transports.h"
#include "lib/log.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_pci.h"
#include "tests/fuzz/fuzz.h"

#define CAPS_FIRST 0x40
#define CAPS_BYTES 0xc0

static const char *const no_names[24];
static struct fuzz_input input;

/* Registers: each read takes from the input and lets time pass, so that waits end. */
static u32 read_register(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)offset;
    fake_advance_ms(1);
    return (u32)fuzz_take(&input, bytes);
}

static void write_register(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)offset;
    (void)bytes;
    (void)value;
}

static const struct fake_registers registers = {read_register, write_register};

static struct pci_device *build_function(void)
{
    static struct boot_info no_memory;
    struct fake_pci_function *function = fake_pci_add(fake_pci_start(), 4, 0, 0x1af4, 0x1058);

    fake_pci_add_bar(function, 0, 0, 0x1000, 0xfe000000, &registers, NULL);
    fake_pci_add_bar(function, 1, PCI_BAR_IS_IO, 0x100, 0xc000, NULL, NULL);
    fake_pci_add_bar(function, 2, PCI_BAR_TYPE_64BIT, 0x4000, 0xfe010000, &registers, NULL);
    fake_pci_add_bar(function, 4, PCI_BAR_TYPE_64BIT, 0x10000, 0xfe020000, &registers, NULL);
    fake_pci_set(function, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
    fake_pci_set(function, PCI_CAPABILITIES, 1, (u32)fuzz_take(&input, 1));
    fake_pci_set(function, PCI_INTERRUPT_LINE, 2, (u32)fuzz_take(&input, 2));
    for (u16 i = 0; i < CAPS_BYTES; i++)
        function->config[CAPS_FIRST + i] = (u8)fuzz_take(&input, 1);
    pci_init(&no_memory);
    FUZZ_CHECK(pci_scan() == 1);
    return pci_device_at(0);
}

static void check_window(const struct pci_device *pci, const struct virtio_pci_window *window)
{
    if (window->bytes == 0)
        return;
    FUZZ_CHECK(window->bar < PCI_BARS);
    FUZZ_CHECK(pci->bars[window->bar].kind == PCI_BAR_MEMORY);
    FUZZ_CHECK((u64)window->offset + window->bytes <= pci->bars[window->bar].bytes);
}

static void check_windows(struct pci_device *pci, const struct virtio_pci_windows *windows)
{
    u16 off = (u16)fuzz_take(&input, 2);
    u64 offset;

    check_window(pci, &windows->common);
    check_window(pci, &windows->isr);
    check_window(pci, &windows->notify);
    check_window(pci, &windows->device);
    FUZZ_CHECK(windows->common.bytes >= 56 && windows->common.offset % 4 == 0);
    if (vmem_pci_notify_offset(windows, off, 4, &offset) == OK) {
        FUZZ_CHECK(offset >= windows->notify.offset);
        FUZZ_CHECK(offset + 4 <= (u64)windows->notify.offset + windows->notify.bytes);
    }
}

/* As far as a driver would go with it. */
static void use(struct vmem_virtio *device)
{
    struct virtqueue *queue = NULL;
    u8 snapshot[56] = {0};

    device->name = "fuzz";
    if (vmem_virtio_negotiate(device, 7, 0, no_names) == OK) {
        int status = vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot));
        FUZZ_CHECK(status == OK || status == E_RANGE || status == E_TIMEOUT);
        FUZZ_CHECK(device->ops->irq_enable(device, VMEM_IRQ_AUTO) == OK);
        if (vmem_queue_create(device, 0, 16, &queue) == OK) {
            vmem_virtio_driver_ok(device);
            (void)vmem_virtio_take_events(device);
            (void)vmem_virtio_needs_reset(device);
        }
    }
    if (vmem_virtio_reset(device) != OK)
        FUZZ_CHECK(device->broken);
    vmem_queue_destroy(queue);
    transport_destroy_pci(device);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    static struct boot_info boot;
    static bool started;
    struct virtio_pci_windows windows;
    struct vmem_virtio *device;

    if (!started) {
        started = true;
        for (unsigned i = 0; i < LOG_NR_MODULES; i++)
            log_levels[i] = LOG_LEVEL_ERROR;
        fake_mm_start(&boot, 4 * MIB);
    }
    fake_console_clear();
    input = (struct fuzz_input){data, bytes, 0};
    struct pci_device *pci = build_function();
    int status = vmem_pci_find_windows(pci, "fuzz", &windows);
    FUZZ_CHECK(status == OK || status == E_NODEV || status == E_RANGE);
    if (status == OK) {
        check_windows(pci, &windows);
        vmem_pci_unmap_windows(pci, &windows);
        if (transport_create_pci(pci, &device) == OK)
            use(device);
    }
    fake_pci_stop();
    return 0;
}
