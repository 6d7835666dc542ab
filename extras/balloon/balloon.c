/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-balloon device of this machine: which PCI function it is, and when its driver runs. A
 * machine has one balloon; another one is left alone.
 */
#include <asm/cpu.h>

#include "drivers/virtio/include/vmem/balloon.h"
#include "extras/balloon/balloon_memory.h"
#include "extras/check/poison.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "kernel/transports.h"
#include "lib/console.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "mm/page.h"
#include "mm/page_debug.h"
#include "monitor/command_error.h"
#include "monitor/monitor.h"

#define NAME                 "balloon0"
#define DEVICE_FEATURES_MASK 0xffffffu /* of virtio.features=, which names those of virtio-mem */

static struct {
    struct pci_device *pci;
    u32 occupant; /* pci->occupant when it was found */
    struct vmem_virtio *virtio;
    struct vmem_balloon *driver; /* NULL: there is none */
    bool is_woken;               /* an interrupt came */
    u64 next_ms;                 /* when it wants to be called */
} balloon;
static const struct options *options;

/* Idle memory is looked for so long after a turn of the loop, which may have freed some. */
#define REPORT_MS 250
static struct {
    bool is_on; /* PAGE_REPORTING was negotiated */
    bool is_pending;
    u64 due_ms;
} reporting;

/* In an allocation that finds no memory: so much at once, and how long the device may take; the
 * tries end it where no clock runs. */
#define RECLAIM_BYTES     (4 * MIB)
#define RECLAIM_WAIT_MS   100
#define RECLAIM_TRIES_MAX 1000000
static bool is_in_driver; /* whose memory operations allocate, too */

/* The devices are the boot processor's: another one waits for idle memory that is on its way. */
static bool wait_for_idle(void)
{
    bool was_out = balloon_idle_out() != 0;
    u64 deadline_ms = platform_now_ms() + RECLAIM_WAIT_MS;
    for (unsigned tries = 0; balloon_idle_out() != 0 && tries < RECLAIM_TRIES_MAX; tries++) {
        if (platform_now_ms() >= deadline_ms)
            break;
        cpu_relax();
    }
    return was_out && balloon_idle_out() == 0;
}

/* An allocation finds no frame. */
static bool reclaim(void)
{
    int status = E_AGAIN;
    if (cpu_id() != 0)
        return wait_for_idle();
    if (!balloon.driver || is_in_driver)
        return false;
    u64 deadline_ms = platform_now_ms() + RECLAIM_WAIT_MS;
    is_in_driver = true;
    for (unsigned tries = 0; status == E_AGAIN && tries < RECLAIM_TRIES_MAX; tries++) {
        status = vmem_balloon_reclaim(balloon.driver, RECLAIM_BYTES);
        if (platform_now_ms() >= deadline_ms)
            break;
        cpu_relax();
    }
    is_in_driver = false;
    balloon.next_ms = 0; /* to write `actual` */
    return status == OK;
}

/* ---- coming and going ---- */

static void attach(struct pci_device *pci)
{
    const struct vmem_balloon_options wanted = {
        .name = NAME,
        .irq_mode = options->irq_mode,
        .features_masked = options->features_masked & ~(u64)DEVICE_FEATURES_MASK,
        .translates_device_addresses = true, /* no IOMMU is switched on */
        .ops = &balloon_memory_ops,
        .wake_context = &balloon.is_woken,
        .has_poison = PAGE_DEBUG,
        .poison_value = (u32)POISON_WORD,
    };
    struct vmem_balloon_status now;
    char address[PCI_ADDRESS_TEXT_BYTES];
    int status = transport_create_pci(pci, &balloon.virtio);
    if (status == OK) {
        status = vmem_balloon_attach(balloon.virtio, &wanted, &balloon.driver);
        if (status != OK)
            transport_destroy_pci(balloon.virtio);
    }
    balloon.pci = pci;
    balloon.occupant = pci->occupant;
    balloon.next_ms = 0;
    if (status == OK) {
        vmem_balloon_get_status(balloon.driver, &now);
        reporting.is_on = (now.features & VMEM_BALLOON_PAGE_REPORTING) != 0;
        return;
    }
    balloon.driver = NULL;
    log_error(LOG_KERNEL, "devices", "pci %s: virtio-balloon device not used (%s)",
              pci_address_text(pci->address, address), status_name(status));
}

/* A function that could not be used is not tried again. */
static bool is_known(const struct pci_device *pci)
{
    return balloon.pci == pci && balloon.occupant == pci->occupant;
}

static void attach_new(void)
{
    struct pci_device *pci;
    for (unsigned i = 0; !balloon.driver && (pci = pci_device_at(i)) != NULL; i++) {
        if (transport_pci_type(pci) == VMEM_VIRTIO_ID_BALLOON && !pci->removal_requested &&
            !is_known(pci))
            attach(pci);
    }
}

static void let_go(void)
{
    reporting.is_on = reporting.is_pending = false;
    vmem_balloon_detach(balloon.driver);
    transport_destroy_pci(balloon.virtio);
    balloon.driver = NULL;
    balloon.pci = NULL;
}

/* Before a function that is asked out is ejected: its pages come back at once. */
static void update(void)
{
    if (balloon.driver) {
        bool has_gone = !balloon.pci->present || balloon.pci->occupant != balloon.occupant;
        if (has_gone)
            vmem_balloon_gone(balloon.driver, "it was pulled out");
        if (has_gone || balloon.pci->removal_requested)
            let_go();
    }
    attach_new();
}

static void attach_last(const struct options *boot_options)
{
    options = boot_options;
    balloon.driver = NULL;
    balloon.pci = NULL;
    reporting.is_on = reporting.is_pending = is_in_driver = false;
    page_reclaim = reclaim;
    attach_new();
}

/* ---- its turns ---- */

static u64 due_ms(void)
{
    if (!balloon.driver)
        return VMEM_BALLOON_NEVER;
    if (__atomic_load_n(&balloon.is_woken, __ATOMIC_RELAXED))
        return 0;
    return reporting.is_pending ? min_u64(balloon.next_ms, reporting.due_ms) : balloon.next_ms;
}

/* A turn may free memory after this: it is looked for later, and a turn for that alone ends it. */
static void look_for_idle(u64 now_ms)
{
    if (!reporting.is_pending || now_ms < reporting.due_ms) {
        if (!reporting.is_pending)
            reporting.due_ms = now_ms + REPORT_MS;
        reporting.is_pending = reporting.is_on;
        return;
    }
    reporting.is_pending = false;
    vmem_balloon_report_idle(balloon.driver);
    balloon.next_ms = 0;
}

static void poll(void)
{
    u64 now_ms = platform_now_ms();
    if (!balloon.driver)
        return;
    look_for_idle(now_ms);
    bool is_due = __atomic_exchange_n(&balloon.is_woken, false, __ATOMIC_ACQUIRE) ||
                  now_ms >= balloon.next_ms;
    if (!is_due && balloon_plugged_bytes() == 0)
        return;
    is_in_driver = true;
    if (balloon_make_way(balloon.driver) || is_due)
        balloon.next_ms = vmem_balloon_service(balloon.driver, now_ms);
    is_in_driver = false;
    if (balloon_memory_was_given())
        devices_memory_freed();
}

static int stop(const char **who)
{
    *who = NAME;
    return balloon.driver ? vmem_balloon_quiesce(balloon.driver) : OK;
}

static void start(void)
{
    if (!balloon.driver)
        return;
    vmem_balloon_resume(balloon.driver);
    balloon.next_ms = 0;
}

/* ---- the command ---- */

static void command_balloon(const struct command_line *line)
{
    static const char *const states[] = {
        [VMEM_BALLOON_RUNNING] = "running",
        [VMEM_BALLOON_QUIESCED] = "quiesced",
        [VMEM_BALLOON_BROKEN] = "broken",
    };
    struct vmem_balloon_status status;
    char held[24];
    char target[24];
    (void)line;
    if (!balloon.driver) {
        command_error("balloon: no virtio-balloon device is in use");
        return;
    }
    vmem_balloon_get_status(balloon.driver, &status);
    console_printf("%s: %s, %s, holds %s of %s%s\n", status.name, status.location,
                   states[status.state], format_size(status.held_bytes, held, sizeof(held)),
                   format_size(status.target_bytes, target, sizeof(target)),
                   status.is_short     ? " (no more can be taken)"
                   : status.is_drained ? " (the guest was out of memory)"
                                       : "");
    console_printf("  pages inflated=%lu deflated=%lu reported=%lu hinted=%lu\n",
                   (unsigned long)status.inflated_pages, (unsigned long)status.deflated_pages,
                   (unsigned long)status.reported_pages, (unsigned long)status.hinted_pages);
    console_printf("  features:");
    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = vmem_balloon_feature_name(bit);
        if (name && (status.features >> bit & 1) != 0)
            console_printf(" %s", name);
    }
    console_printf("\n");
    if (status.broken_reason)
        console_printf("  broken: %s\n", status.broken_reason);
}

static const struct command commands[] = {
    {"balloon", "", "what the balloon device asks for and has got", 0, 0, command_balloon},
    {0},
};

EXTRA(balloon) = {
    .name = "balloon",
    .commands = commands,
    .attach_last = attach_last,
    .devices_released = update,
    .poll = poll,
    .due_ms = due_ms,
    .stop = stop,
    .start = start,
};
