/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a virtio function says its structures are: which instance is used,
 * and what is refused with which status. Threats 1 to 7.
 */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/pci/virtio_pci_caps.h"
#include "include/status.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_virtio_pci.h"

static struct fake_virtio_pci fake;
static struct virtio_pci_windows windows;

static void set_up(void)
{
    fake_host_start();
    fake_virtio_pci_start(&fake, VIRTIO_ID_MEM, 0);
}

static void tear_down(void)
{
    fake_pci_stop();
    assert_int_equal(fake_host_allocated(), 0);
    fake_host_stop();
    fake_shutdown();
}

static void expect_error(const char *text)
{
    assert_int_equal(fake_host_count(VMEM_LOG_ERROR), 1);
    assert_has(strstr(fake_host_lines(), "error: "), text);
}

/* The windows can be looked at afterwards, but are not mapped any more. */
static int find_in(struct pci_device *pci)
{
    int status = vmem_pci_find_windows(pci, "pci 0000:00:04.0", &windows);
    vmem_pci_unmap_windows(pci, &windows);
    return status;
}

static int find(void)
{
    return find_in(fake_virtio_pci_scan(&fake));
}

static void assert_window(const struct virtio_pci_window *window, u32 offset, u32 bytes)
{
    assert_int_equal(window->bar, 4);
    assert_int_equal(window->offset, offset);
    assert_int_equal(window->bytes, bytes);
}

/* QEMU's own list, PCI_CFG with BAR 0 and length 0 among it (P5). */
TEST_WITH(test_as_qemu_has_it, set_up, tear_down)
{
    assert_int_equal(find(), OK);
    assert_window(&windows.common, FAKE_VIRTIO_COMMON, 0x1000);
    assert_window(&windows.isr, FAKE_VIRTIO_ISR, 0x1000);
    assert_window(&windows.device, FAKE_VIRTIO_DEVICE, FAKE_VIRTIO_CONFIG_BYTES);
    assert_window(&windows.notify, FAKE_VIRTIO_NOTIFY, FAKE_VIRTIO_NOTIFY_BYTES);
    assert_int_equal(windows.notify_multiplier, 4);
}

/*
 * One capability is put before a sane list. Either it is used, or it is passed
 * over and the sane one is (P6); without the sane list it decides alone.
 */
struct cap_case {
    const char *name;
    u8 cap_bytes;
    u8 type;
    u8 bar;
    u32 offset;
    u32 length;
    bool used;
    int alone; /* the status if there is no other of this type */
};

static const struct cap_case cap_cases[] = {
    {"P6: the first usable one", 16, 1, 4, 0x2000, 64, true, OK},
    {"P7: a longer capability", 40, 1, 4, 0x2000, 64, true, OK},
    {"P7: as long as can be", 255, 1, 4, 0x2000, 64, true, OK},
    {"threat 2: capability too short", 15, 1, 4, 0x2000, 64, false, E_NODEV},
    {"threat 2: capability of no length", 0, 1, 4, 0x2000, 64, false, E_NODEV},
    {"P8: reserved BAR 6", 16, 1, 6, 0x2000, 64, false, E_NODEV},
    {"P8: reserved BAR 255", 16, 1, 255, 0x2000, 64, false, E_NODEV},
    {"threat 3: BAR not implemented", 16, 1, 0, 0, 64, false, E_NODEV},
    {"threat 3: upper half of a BAR", 16, 1, 5, 0, 64, false, E_NODEV},
    {"threat 3: I/O BAR", 16, 1, 2, 0, 64, false, E_NODEV},
    {"threat 4: wraps 32 bits", 16, 1, 4, 0xffffffc0, 0x80, false, E_RANGE},
    {"threat 4: wraps to the start", 16, 1, 4, 0x2000, 0xffffe040, false, E_RANGE},
    {"threat 4: beyond the BAR", 16, 1, 4, 0x4000, 64, false, E_RANGE},
    {"threat 4: past its end", 16, 1, 4, 0x3fe0, 64, false, E_RANGE},
    {"up to its end", 16, 1, 4, 0x3fc0, 64, true, OK},
    {"P9: far longer than needed", 16, 1, 4, 0, 0x4000, true, OK},
    {"P9: length of everything", 16, 1, 4, 0, 0xffffffff, false, E_RANGE},
    {"P9: the least", 16, 1, 4, 0x2000, 56, true, OK},
    {"P9: less than the least", 16, 1, 4, 0x2000, 55, false, E_NODEV},
    {"P9: no length", 16, 1, 4, 0x2000, 0, false, E_NODEV},
    {"threat 4: not aligned", 16, 1, 4, 0x2002, 64, false, E_NODEV},
    {"P5: reserved type 0", 16, 0, 4, 0x2000, 64, false, OK},
    {"P5: vendor data", 16, 9, 4, 0x2000, 64, false, OK},
    {"P5: shared memory", 24, 8, 4, 0x2000, 64, false, OK},
    {"P5: type 255", 16, 255, 4, 0x2000, 64, false, OK},
    {"ISR at an odd offset", 16, 3, 4, 0x2fff, 1, true, OK},
    {"ISR past the end", 16, 3, 4, 0x4000, 1, false, E_RANGE},
    {"notify: too short for its multiplier", 16, 2, 4, 0x2000, 64, false, E_NODEV},
    {"notify: at an odd offset", 20, 2, 4, 0x2001, 64, false, E_NODEV},
    {"notify: no room for one", 20, 2, 4, 0x2000, 1, false, E_NODEV},
    {"notify", 20, 2, 4, 0x2000, 2, true, OK},
    {"threat 6: device config of no length", 16, 4, 4, 0x2000, 0, false, OK},
    {"device config not aligned", 16, 4, 4, 0x2fc2, 60, false, OK},
    {"device config", 16, 4, 4, 0x2fc0, 60, true, OK},
};

static const struct virtio_pci_window *window(u8 type)
{
    switch (type) {
    case 1:
        return &windows.common;
    case 2:
        return &windows.notify;
    case 3:
        return &windows.isr;
    default:
        return &windows.device;
    }
}

/* The sane list without the structure of type `except`; device config at the end of the BAR. */
static void add_sane_caps(u8 except)
{
    static const u32 offsets[] = {0, FAKE_VIRTIO_COMMON, FAKE_VIRTIO_NOTIFY, FAKE_VIRTIO_ISR,
                                  0x1800};

    for (u8 type = 1; type <= 4; type++) {
        if (type != except)
            fake_virtio_pci_add_cap(&fake, (u8)(0x60 + 0x18 * type), 20, type, 4, offsets[type],
                                    0x100);
    }
}

TEST_WITH(test_capabilities, set_up, tear_down)
{
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(cap_cases); i++) {
        const struct cap_case *test = &cap_cases[i / 2];
        bool is_alone = i % 2 != 0;
        print_message("  %s%s\n", test->name, is_alone ? ", alone" : "");
        tear_down();
        set_up();
        fake_virtio_pci_clear_caps(&fake);
        fake_pci_add_bar(fake.function, 2, PCI_BAR_IS_IO, 0x100, 0xc000, NULL, NULL);
        fake_virtio_pci_add_cap(&fake, 0x40, test->cap_bytes, test->type, test->bar, test->offset,
                                test->length);
        add_sane_caps(is_alone ? test->type : 0);
        int status = find();
        if (is_alone) {
            assert_int_equal(status, test->alone);
            if (status != OK)
                expect_error("no usable");
            continue;
        }
        assert_int_equal(status, OK);
        if (test->type < 1 || test->type > 4)
            continue;
        bool used =
            window(test->type)->offset == test->offset && window(test->type)->bytes == test->length;
        assert_int_equal(used, test->used);
    }
}

/* The log of level debug says what is wrong with one. */
TEST_WITH(test_why_a_capability_is_not_used, set_up, tear_down)
{
    static const struct {
        u8 bar;
        u32 offset;
        const char *why_not;
    } cases[] = {{6, 0x2000, "the BAR number is reserved"},
                 {4, 0x4000, "the structure leaves the BAR"}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        fake_host_want(VMEM_LOG_DEBUG);
        fake_virtio_pci_clear_caps(&fake);
        fake_virtio_pci_add_cap(&fake, 0x40, 16, 1, cases[i].bar, cases[i].offset, 64);
        add_sane_caps(0);
        assert_int_equal(find(), OK);
        assert_has(fake_host_lines(), cases[i].why_not);
    }
}

/* P6: of two usable ones the first. */
TEST_WITH(test_first_of_two, set_up, tear_down)
{
    fake_virtio_pci_clear_caps(&fake);
    fake_virtio_pci_add_cap(&fake, 0x40, 16, 1, 4, 0x2000, 64);
    fake_virtio_pci_add_cap(&fake, 0x50, 16, 1, 4, 0x2040, 64);
    add_sane_caps(1);
    assert_int_equal(find(), OK);
    assert_window(&windows.common, 0x2000, 64);
}

/* P11: none at all is a legacy device. */
TEST_WITH(test_missing_structures, set_up, tear_down)
{
    static const struct {
        u8 type;
        const char *line;
        int status;
    } cases[] = {
        {1, "no usable common structure", E_NODEV},
        {2, "no usable notify structure", E_NODEV},
        {3, "no usable ISR structure", E_NODEV},
        {4, "", OK},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        fake_virtio_pci_clear_caps(&fake);
        add_sane_caps(cases[i].type);
        assert_int_equal(find(), cases[i].status);
        assert_has(fake_host_lines(), cases[i].line);
    }
    assert_int_equal(windows.device.bytes, 0);
    fake_virtio_pci_clear_caps(&fake);
    assert_int_equal(find(), E_NODEV);
}

/* Threats 1 and 2: a vendor capability with a matching type byte only, cycles, wild pointers. */
TEST_WITH(test_list_is_hostile, set_up, tear_down)
{
    fake_virtio_pci_clear_caps(&fake);
    fake_virtio_pci_add_cap(&fake, 0x40, 16, 1, 4, 0x2000, 64);
    fake_pci_set(fake.function, 0x40, 1, 0x05); /* MSI, in fact */
    add_sane_caps(0);
    assert_int_equal(find(), OK);
    assert_window(&windows.common, 0, 0x100);

    for (unsigned next = 0; next < 256; next++) {
        fake_pci_set(fake.function, 0xc0 + 1, 1, next); /* the last one's */
        assert_int_equal(find(), OK);
        fake_pci_set(fake.function, 0x78 + 1, 1,
                     next); /* the first sane one's: may lose the rest */
        int status = find();
        assert_true(status == OK || status == E_NODEV);
        fake_pci_set(fake.function, 0x78 + 1, 1, 0x90);
    }
    fake_pci_set(fake.function, 0x2c, 1, 0x11); /* what lies in the header is no capability */
    fake_pci_set(fake.function, 0xc0 + 1, 1, 0x2c);
    assert_int_equal(find(), OK);
    assert_false(windows.has_msix);
    fake_pci_set(fake.function, 0x40, 1, 0x09);
    fake_pci_set(fake.function, 0x41, 1, 0x40); /* itself */
    assert_int_equal(find(), E_NODEV);
}

/* A capability at the very end of config space, whose fields would leave it. */
TEST_WITH(test_cap_at_the_end, set_up, tear_down)
{
    fake_host_want(VMEM_LOG_DEBUG);
    fake_virtio_pci_clear_caps(&fake);
    fake_pci_add_capability(fake.function, 0xf8, PCI_CAP_VENDOR);
    fake_pci_set(fake.function, 0xfa, 2, 0x0110); /* common, 16 bytes */
    add_sane_caps(0);
    assert_int_equal(find(), OK);
    assert_window(&windows.common, 0, 0x100);
    assert_has(fake_host_lines(), "leaves config space");
}

/* Threat 3: a BAR that firmware gave no address, on a machine that has none to give. */
TEST_WITH(test_bar_without_address, set_up, tear_down)
{
    fake_pci_set(fake.function, PCI_BAR0 + 16, 4, 0xc);
    fake_pci_set(fake.function, PCI_BAR0 + 20, 4, 0);
    fake_host_want(VMEM_LOG_DEBUG);
    pci_init(NULL);
    assert_int_equal(pci_scan(), 1);
    assert_int_equal(find_in(pci_device_at(0)), E_NODEV);
    assert_has(fake_host_lines(), "the BAR is no memory BAR, or has no address");
    expect_error("no usable common structure");
}

/* Threat 3 */
TEST_WITH(test_structures_overlap, set_up, tear_down)
{
    static const struct {
        u8 type;
        u32 offset;
        int status;
    } cases[] = {
        {3, 0, E_RANGE},                          /* ISR in common */
        {3, 55, E_RANGE},   {3, 64, OK},          /* behind what is used of it */
        {4, 0, E_RANGE},                          /* device config in common */
        {4, 0x38, E_RANGE}, {4, 0x1000, E_RANGE}, /* on the ISR */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        fake_virtio_pci_clear_caps(&fake);
        fake_virtio_pci_add_cap(&fake, 0x40, 16, cases[i].type, 4, cases[i].offset, 56);
        add_sane_caps(cases[i].type);
        assert_int_equal(find(), cases[i].status);
        assert_int_equal(strstr(fake_host_lines(), "overlaps") != NULL, cases[i].status != OK);
    }
}

static bool share_a_byte(u64 base_a, u64 bytes_a, u64 base_b, u64 bytes_b)
{
    for (u64 byte = base_a; byte < base_a + bytes_a; byte++) {
        if (byte >= base_b && byte < base_b + bytes_b)
            return true;
    }
    return false;
}

/* A structure that is not there has no byte: it overlaps nothing. */
TEST(test_ranges_overlap_where_they_share_a_byte)
{
    for (u64 i = 0; i < 5 * 5 * 5 * 5; i++) {
        u64 base_a = i % 5, bytes_a = i / 5 % 5, base_b = i / 25 % 5, bytes_b = i / 125;
        assert_int_equal(vmem_ranges_overlap(base_a, bytes_a, base_b, bytes_b),
                         share_a_byte(base_a, bytes_a, base_b, bytes_b));
    }
}

/* Threat 5: queue_notify_off * multiplier, which no 32-bit product may wrap. */
TEST_WITH(test_notify_offsets, set_up, tear_down)
{
    static const struct {
        u32 window_offset;
        u32 window_bytes;
        u32 multiplier;
        u16 off;
        u32 bytes;
        int status;
        u64 offset;
    } cases[] = {
        {0x3000, 0x1000, 4, 0, 2, OK, 0x3000},
        {0x3000, 0x1000, 4, 3, 2, OK, 0x300c},
        {0x3000, 0x1000, 0, 65535, 2, OK, 0x3000}, /* one for all queues */
        {0x3000, 0x1000, 2, 1, 2, OK, 0x3002},
        {0x3000, 2, 0, 0, 2, OK, 0x3000},
        {0x3000, 2, 0, 0, 4, E_RANGE, 0}, /* NOTIFICATION_DATA needs more */
        {0x3000, 0x1000, 4, 1023, 4, OK, 0x3ffc},
        {0x3000, 0x1000, 4, 1024, 2, E_RANGE, 0},
        {0x3000, 0x1000, 0xffffffff, 65535, 2, E_RANGE, 0},
        {0x3000, 0x1000, 0x10000, 65535, 2, E_RANGE, 0},
        {0x3000, 0x1000, 0x20000, 0x8000, 2, E_RANGE, 0}, /* 2^32 */
        {0x3000, 0x1000, 1, 1, 2, E_RANGE, 0},            /* not aligned */
        {0x3002, 0x1000, 4, 0, 4, E_RANGE, 0},            /* the same, 32 bits wide */
        {0, 0x4000, 4, 0, 2, E_RANGE, 0},                 /* in the common structure */
        {0, 0x4000, 0x1000, 1, 2, E_RANGE, 0},            /* on the ISR */
        {0, 0x4000, 0x1000, 2, 2, E_RANGE, 0},            /* in device config */
        {0, 0x4000, 0x1000, 3, 2, OK, 0x3000},
    };

    assert_int_equal(find(), OK);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 offset = 0;
        windows.notify.offset = cases[i].window_offset;
        windows.notify.bytes = cases[i].window_bytes;
        windows.notify_multiplier = cases[i].multiplier;
        int status = vmem_pci_notify_offset(&windows, cases[i].off, cases[i].bytes, &offset);
        if (status != cases[i].status || offset != cases[i].offset)
            fail_msg("case %u: status %d, offset 0x%x", i, status, (unsigned)offset);
    }
}
