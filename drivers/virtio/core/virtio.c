/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every virtio device has in common: the steps of its status, features, config
 * snapshots and events. See virtio.h.
 *
 * Status bits are only ever added, one step at a time, and 0 is written by
 * vmem_virtio_reset() alone. Every wait for the device has a bound in time and in
 * reads. A value is read from the device once and then used from the copy.
 */
#include "virtio.h"

#include "text.h"
#include "virtio_spec.h"

#define RESET_TIMEOUT_MS     1000
#define RESET_READS_MAX      (1u << 20) /* ends the wait where the clock stands still */
#define CONFIG_TRIES_MAX     32
#define STORM_WINDOW_MS      100
#define STORM_INTERRUPTS_MAX 4096 /* in one window; a working device needs a few for a request */
#define FEATURE_BITS         64
#define STATUS_ALL_ONES      0xff /* what a device that is gone reads as */

/*
 * The ring and transport features that are understood. INDIRECT_DESC and IN_ORDER are not: a few
 * requests of two descriptors gain nothing by them. SR_IOV, RING_RESET, ADMIN_VQ and SUSPEND are
 * not: nothing here would obey their rules.
 */
#define CORE_FEATURES                                                                       \
    (VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX) | VIRTIO_FEATURE(VIRTIO_F_VERSION_1) |              \
     VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_FEATURE(VIRTIO_F_RING_PACKED) |      \
     VIRTIO_FEATURE(VIRTIO_F_ORDER_PLATFORM) | VIRTIO_FEATURE(VIRTIO_F_NOTIFICATION_DATA) | \
     VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA))

uint32_t vmem_virtio_device_type(const struct vmem_virtio *device)
{
    return device->device_type;
}

const char *vmem_virtio_location(const struct vmem_virtio *device)
{
    return device->location;
}

/* ---- status ---- */

/* One step of the status. NEEDS_RESET is the device's bit: kept as it stands, never cleared. */
static void add_status(struct vmem_virtio *device, uint8_t bits)
{
    uint8_t kept = device->ops->get_status(device) & VIRTIO_STATUS_NEEDS_RESET;
    device->status |= bits;
    device->ops->set_status(device, device->status | kept);
}

int vmem_virtio_reset(struct vmem_virtio *device)
{
    uint64_t deadline_ms = vmem_host_now_ms() + RESET_TIMEOUT_MS;

    device->status = 0;
    device->ops->set_status(device, 0);
    for (uint32_t reads = 0; reads < RESET_READS_MAX; reads++) {
        uint8_t status = device->ops->get_status(device);
        if (status == 0) {
            device->broken = false;
            device->broken_reason[0] = '\0';
            device->features = 0;
            device->generation = -1;
            device->window_interrupts = 0;
            __atomic_store_n(&device->events, 0, __ATOMIC_RELAXED);
            return VMEM_OK;
        }
        if (status == STATUS_ALL_ONES) {
            vmem_virtio_break(device, "it has vanished: its status reads all ones");
            return VMEM_E_NODEV;
        }
        if (vmem_host_now_ms() >= deadline_ms)
            break;
        vmem_host_relax();
    }
    vmem_virtio_break(device,
                      "its status still reads 0x%02x after a reset, expected 0 within %u ms",
                      device->ops->get_status(device), RESET_TIMEOUT_MS);
    return VMEM_E_TIMEOUT;
}

void vmem_virtio_driver_ok(struct vmem_virtio *device)
{
    add_status(device, VIRTIO_STATUS_DRIVER_OK);
}

void vmem_virtio_break(struct vmem_virtio *device, const char *format, ...)
{
    char reason[VIRTIO_REASON_BYTES];
    va_list args;

    va_start(args, format);
    vmem_vformat(reason, sizeof(reason), format, args);
    va_end(args);
    vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device), "the device is no longer used: %s",
             reason);
    if (device->broken)
        return;
    device->broken = true;
    memcpy(device->broken_reason, reason, sizeof(reason));
    add_status(device, VIRTIO_STATUS_FAILED);
}

bool vmem_virtio_needs_reset(struct vmem_virtio *device)
{
    uint8_t status = device->ops->get_status(device);
    return (status & VIRTIO_STATUS_NEEDS_RESET) != 0 || (status & device->status) != device->status;
}

/* ---- features ---- */

/* The names of the bits, each after a blank; "bit N" where there is no name. */
static void list_features(char *text, size_t bytes, uint64_t bits,
                          const char *const device_names[24])
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned bit = 0; bit < FEATURE_BITS && used < bytes; bit++) {
        if ((bits >> bit & 1) == 0)
            continue;
        const char *name = vmem_virtio_feature_name(bit, device_names);
        used += name ? vmem_format(text + used, bytes - used, " %s", name)
                     : vmem_format(text + used, bytes - used, " bit-%u", bit);
    }
}

static void log_features(const struct vmem_virtio *device, const char *const device_names[24])
{
    char taken[320];
    char left[320];
    uint64_t not_taken = device->offered & ~device->features;

    if (!vmem_host_log_wanted(VMEM_LOG_DEBUG))
        return;
    list_features(taken, sizeof(taken), device->features, device_names);
    list_features(left, sizeof(left), not_taken, device_names);
    vmem_log(VMEM_LOG_DEBUG, vmem_virtio_subject(device), "features%s%s%s", taken,
             not_taken ? "; offered and not accepted" : "", left);
}

int vmem_virtio_negotiate(struct vmem_virtio *device, uint64_t wanted, uint64_t required,
                          const char *const device_feature_names[24])
{
    int status = vmem_virtio_reset(device);
    if (status != VMEM_OK)
        return status;

    device->status = VIRTIO_STATUS_ACKNOWLEDGE; /* it has just read 0: nothing is kept */
    device->ops->set_status(device, device->status);
    add_status(device, VIRTIO_STATUS_DRIVER);

    /*
     * Offered bits outside what driver, core and transport know are left
     * alone, without failing: virtio 1.4, "Feature Bits".
     */
    uint64_t known =
        (wanted & ~VIRTIO_RESERVED_FEATURES) | (CORE_FEATURES & device->transport_features);
    if (!device->translates_device_addresses)
        known &= ~VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM);
    device->offered = device->ops->get_features(device);
    device->features = device->offered & known & ~device->features_masked;
    log_features(device, device_feature_names);

    uint64_t missing = (required | VIRTIO_FEATURE(VIRTIO_F_VERSION_1)) & ~device->features;
    if (missing != 0) {
        char names[96];
        list_features(names, sizeof(names), missing, device_feature_names);
        vmem_virtio_break(device, "it does not offer what the driver needs:%s", names);
        return VMEM_E_UNSUPPORTED;
    }
    device->ops->set_features(device, device->features);

    add_status(device, VIRTIO_STATUS_FEATURES_OK);
    uint8_t now = device->ops->get_status(device);
    if ((now & VIRTIO_STATUS_FEATURES_OK) == 0 || (now & VIRTIO_STATUS_NEEDS_RESET) != 0) {
        vmem_virtio_break(device, "it refused the features: status 0x%02x, expected FEATURES_OK",
                          now);
        return VMEM_E_UNSUPPORTED;
    }
    return VMEM_OK;
}

/* ---- config space ---- */

/* Four bytes of any structure. */
typedef uint32_t __attribute__((aligned(1), may_alias)) config_word;

/* Read the bytes at `offset` over `snapshot`, each field of 32 bits once; true if nothing had
 * changed. */
static bool refresh_config(struct vmem_virtio *device, config_word *snapshot, uint32_t offset,
                           uint32_t bytes)
{
    uint32_t changes = 0;

    for (uint32_t end = offset + bytes; offset < end; offset += sizeof(uint32_t), snapshot++) {
        uint32_t value = device->ops->read_config(device, offset);
        changes |= *snapshot ^ value;
        *snapshot = value;
    }
    return changes == 0;
}

/*
 * virtio 1.4, "Device Configuration Space": the generation is read before and after. A device that
 * never moves it is told by a change for which it did not move, after the first read. One that
 * tears a field all the same can only show a size that no host requested, which it can do in any
 * case.
 */
int vmem_virtio_read_config(struct vmem_virtio *device, void *snapshot, uint32_t offset,
                            uint32_t bytes)
{
    uint32_t there = device->ops->config_bytes(device);
    if (offset + bytes > there) {
        vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device),
                 "its config space has %u bytes, expected %u or more", there, offset + bytes);
        return VMEM_E_RANGE;
    }
    uint32_t before = device->ops->config_generation(device);
    for (unsigned tries = 0; tries <= CONFIG_TRIES_MAX; tries++) {
        bool same = refresh_config(device, snapshot, offset, bytes);
        uint32_t after = device->ops->config_generation(device);
        bool has_moved = after != device->generation;
        if (after == before && (same || has_moved)) {
            device->generation = after;
            return VMEM_OK;
        }
        before = after;
    }
    vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device),
             "its config space changed during each of %u reads", CONFIG_TRIES_MAX);
    return VMEM_E_TIMEOUT;
}

/* ---- events ---- */

uint32_t vmem_virtio_take_events(struct vmem_virtio *device)
{
    uint32_t events = __atomic_exchange_n(&device->events, 0, __ATOMIC_ACQUIRE);
    if (device->irq_mode == VMEM_IRQ_POLL)
        events |= device->ops->poll_events(device);
    return events;
}

void vmem_virtio_post_events(struct vmem_virtio *device, uint32_t events)
{
    device->nr_interrupts++;
    __atomic_fetch_or(&device->events, events, __ATOMIC_RELEASE);
    if (device->name) /* a driver has it */
        vmem_host_wake(device->wake_context);
}

bool vmem_virtio_interrupt(struct vmem_virtio *device, uint32_t events)
{
    uint64_t now_ms = vmem_host_now_ms();

    if (now_ms - device->window_start_ms >= STORM_WINDOW_MS) {
        device->window_start_ms = now_ms;
        device->window_interrupts = 0;
    }
    bool is_storm = ++device->window_interrupts > STORM_INTERRUPTS_MAX;
    if (is_storm) {
        device->irq_mode = VMEM_IRQ_POLL;
        vmem_log(VMEM_LOG_WARNING, vmem_virtio_subject(device),
                 "more than %u interrupts in %u ms: the device is polled from now on",
                 STORM_INTERRUPTS_MAX, STORM_WINDOW_MS);
    }
    vmem_virtio_post_events(device, events);
    return !is_storm;
}
