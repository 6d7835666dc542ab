/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the PCI transport share: one fake function with two
 * vectors before each test, and the driver's way up to DRIVER_OK. After a test the
 * function must be off: no interrupt, no DMA.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_VIRTIO_PCI_SETUP_H
#define TIDE_TESTS_FAKES_FAKE_VIRTIO_PCI_SETUP_H

#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "kernel/transports.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_rig.h"
#include "tests/fakes/fake_virtio_pci.h"

static const char *const no_names[24];
static struct fake_virtio_pci fake;
static struct vmem_virtio *device;
static struct virtqueue *queue;
static bool is_woken;

static void boot(unsigned nr_vectors)
{
    fake_host_start();
    fake_virtio_pci_start(&fake, VIRTIO_ID_MEM, nr_vectors);
    device = NULL;
    queue = NULL;
    is_woken = false;
}

static void set_up(void)
{
    boot(2);
}

static void tear_down(void)
{
    if (device) {
        assert_int_equal(vmem_virtio_reset(device), OK);
        vmem_queue_destroy(queue);
        transport_destroy_pci(device);
        /* It is off: no interrupt reaches anybody, no DMA. */
        assert_int_equal(fake_pci_get(fake.function, PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE);
    }
    fake_pci_stop();
    assert_int_equal(fake_host_allocated(), 0);
    fake_host_stop();
    fake_shutdown();
}

static void create(void)
{
    assert_int_equal(transport_create_pci(fake_virtio_pci_scan(&fake), &device), OK);
    device->name = "dev0";
    device->wake_context = &is_woken;
}

/* Up to DRIVER_OK; returns vmem_queue_create()'s status. */
static int attach(enum vmem_irq_mode wanted)
{
    create();
    return fake_rig_bring_up(device, wanted, &queue);
}

#endif
