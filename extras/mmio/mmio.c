/* SPDX-License-Identifier: BSD-2-Clause */
/* See mmio.h: the option, and attaching the driver. */
#include "extras/mmio/mmio.h"

#include "extras/inspect/virtio_names.h"
#include "extras/sizes/sizes.h"
#include "include/extra.h"
#include "include/status.h"
#include "kernel/devices_internal.h"
#include "kernel/options.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/string.h"

struct mmio_list mmio_named;

/* ---- the option ---- */

/* Copy the part of *text before `end` and move past it; false if `end` is not there. */
static bool take_part(const char **text, char end, char *part, size_t part_bytes)
{
    const char *found = strchr(*text, end);
    size_t length = found ? (size_t)(found - *text) : strlen(*text);

    if ((!found && end != '\0') || length >= part_bytes)
        return false;
    memcpy(part, *text, length);
    part[length] = '\0';
    *text += length + (end != '\0' && found ? 1 : 0);
    return true;
}

int mmio_parse_address(const char *text, struct mmio_address *address)
{
    char size[24];
    char base[24];
    char line[24];
    char id[24];
    u64 irq_line;
    u64 ignored;

    if (!take_part(&text, '@', size, sizeof(size)) || !take_part(&text, ':', base, sizeof(base)))
        return E_INVAL;
    bool has_id = strchr(text, ':') != NULL;
    if (!take_part(&text, has_id ? ':' : '\0', line, sizeof(line)) ||
        (has_id && (!take_part(&text, '\0', id, sizeof(id)) || parse_u64(id, &ignored) != OK)))
        return E_INVAL;
    if (parse_size(size, &address->bytes) != OK || parse_u64(base, &address->base) != OK ||
        parse_u64(line, &irq_line) != OK || irq_line > UINT16_MAX)
        return E_INVAL;
    address->irq_line = (unsigned)irq_line;
    return mmio_check_address(address);
}

static int parse(const char *value, struct options *options)
{
    (void)options;
    if (mmio_named.nr == MMIO_DEVICES_MAX)
        return E_NOMEM;
    int status = mmio_parse_address(value, &mmio_named.addresses[mmio_named.nr]);
    if (status == OK)
        mmio_named.nr++;
    return status;
}

static void forget(void)
{
    mmio_named.nr = 0;
}

/* ---- the devices ---- */

/* Placeholders and other kinds are no fault. */
static void attach(const struct mmio_address *address, const struct options *options)
{
    struct vmem_virtio *virtio;

    int status = transport_create_mmio(address, options->irq_mode != VMEM_IRQ_POLL, &virtio);
    if (status != OK) {
        if (status != E_NODEV) /* which has been said */
            log_error(LOG_KERNEL, "devices", "mmio 0x%llx: the device is not used (%s)%s",
                      (unsigned long long)address->base, status_name(status),
                      status == E_EXIST ? ": RAM is there" : "");
        return;
    }
    u32 type = vmem_virtio_device_type(virtio);
    if (type != VMEM_VIRTIO_ID_MEMORY)
        log_debug(LOG_KERNEL, "devices", "%s: a virtio %s device, left alone",
                  vmem_virtio_location(virtio), virtio_type_name(type));
    else if (devices_attach(virtio, NULL, transport_destroy_mmio) == OK)
        return;
    transport_destroy_mmio(virtio);
}

static void attach_all(const struct options *options)
{
    for (unsigned i = 0; i < mmio_named.nr; i++)
        attach(&mmio_named.addresses[i], options);
}

static const struct option_rule option = {
    .key = "virtio_mmio.device",
    .parse = parse,
    .expected = "SIZE@BASE:LINE, at most 32 of them",
    .repeats = true,
};

EXTRA(mmio) = {
    .name = "mmio",
    .option = &option,
    .forget_options = forget,
    .attach_last = attach_all,
};
