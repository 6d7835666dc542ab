/* SPDX-License-Identifier: BSD-2-Clause */
/* See virtio_names.h. */
#include "extras/inspect/virtio_names.h"

#include "drivers/pci/pci_spec.h"
#include "kernel/transports.h"

u32 virtio_type(const struct pci_device *pci)
{
    u32 type = transport_pci_type(pci);
    bool is_transitional = pci->vendor_id == 0x1af4 && pci->device_id >= 0x1000 &&
                           pci->device_id < 0x1040; /* the range that the specification names */
    return type == 0 && is_transitional ? pci_read16(pci, PCI_SUBSYSTEM + 2) : type;
}

const char *virtio_type_name(u32 type)
{
    static const char *const names[] = {
        [1] = "network", [2] = "block",   [3] = "console",      [4] = "entropy", [5] = "balloon",
        [8] = "SCSI",    [9] = "9p",      [16] = "GPU",         [18] = "input",  [19] = "socket",
        [20] = "crypto", [24] = "memory", [26] = "file system",
    };
    return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}
