/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: the virtio-mem driver's request loop. The input is what one or two
 * devices answer (or do not), what they write into config space, and what the
 * host and the guest do meanwhile: devices that come and go with blocks of any size,
 * resets, sleep, pages that are taken and freed. The driver's block map is always what
 * mm has mapped, a page in use stays mapped, and each call is bounded.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/include/vmem/vmem.h"
#include "drivers/virtio/mem/spec.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "mm/page.h"
#include "tests/fakes/fake_attach.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_transport.h"
#include "tests/fuzz/fuzz.h"

#define NR_DEVICES   2
#define BASE         FAKE_REGION_BASE /* of the first device, and GIB more for the next */
#define NR_BLOCKS    24
#define BLOCK_MAX    (6 * MIB)
#define PAGES_MAX    16
#define REQUESTS_MAX (64 * 16 + 16) /* rounds of one call, requests of one round */
/* Calls in a row that want another at once, to move pages: a few for each 2 MiB. */
#define AT_ONCE_MAX (8 * NR_BLOCKS * (BLOCK_MAX / (2 * MIB)))
#define CHUNK_ORDER 6

struct device {
    struct fake_transport fake;
    struct virtio_mem_config_abi config; /* as the device would have it */
    struct vmem_device *driver;          /* NULL while it is not attached */
    u64 block_bytes;
    bool is_quiesced;
};

static struct device devices[NR_DEVICES];
static struct device *current; /* that the next events are for */
static struct fuzz_input input;
static struct {
    paddr_t base;
    unsigned order; /* CHUNK_ORDER: movable */
} pages[PAGES_MAX];
static unsigned nr_pages;
static bool refuses;

static void write_config(struct device *device)
{
    memcpy(device->fake.config, &device->config, sizeof(device->config));
}

/* What a device does that believes its own ACK; else the fuzzer gets no further than the first. */
static void follow_ack(struct device *device, const struct virtio_mem_request_abi *request)
{
    u64 bytes = vmem_from_le16(request->nb_blocks) * device->block_bytes;
    switch (vmem_from_le16(request->type)) {
    case VIRTIO_MEM_REQ_PLUG:
        device->config.plugged_size.raw += bytes;
        break;
    case VIRTIO_MEM_REQ_UNPLUG:
        device->config.plugged_size.raw -= bytes;
        break;
    case VIRTIO_MEM_REQ_UNPLUG_ALL:
        device->config.plugged_size.raw = 0;
        break;
    default:
        break;
    }
    write_config(device);
}

static void on_request(void *context, struct fake_request *raw)
{
    struct device *device = context;
    struct virtio_mem_request_abi request;
    struct virtio_mem_response_abi reply = {0};
    u8 how = (u8)fuzz_take(&input, 1);

    FUZZ_CHECK(!device->is_quiesced);
    FUZZ_CHECK(raw->readable_bytes == sizeof(request) && raw->reply_capacity == sizeof(reply));
    memcpy(&request, raw->readable, sizeof(request));
    reply.type.raw = how & 3;
    reply.state.raw = how >> 2 & 3;
    raw->reply_bytes = sizeof(reply);
    if (how & 0x80) {
        reply.type.raw = (u16)fuzz_take(&input, 2);
        raw->used_bytes = (u32)fuzz_take(&input, 4);
    }
    raw->no_answer = (how & 0x70) == 0x70;
    if ((how & 0x70) == 0x60)
        fake_transport_fail(&device->fake);
    if (reply.type.raw == VIRTIO_MEM_RESP_ACK && (how & 0x70) != 0x50)
        follow_ack(device, &request);
    memcpy(raw->reply, &reply, sizeof(reply));
}

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    (void)owner;
    FUZZ_CHECK(from < BASE || fake_is_mapped(from, PAGE_BYTES << CHUNK_ORDER));
    for (unsigned i = 0; i < nr_pages; i++) {
        if (pages[i].base != from)
            continue;
        if (!refuses)
            pages[i].base = to;
        return !refuses;
    }
    FUZZ_CHECK(false); /* not a page of ours */
    return false;
}

static struct page_owner owner = {.name = "chunks", .order = CHUNK_ORDER, .move = move};

static void use_pages(u8 what)
{
    refuses = (what & 4) != 0;
    if (what & 1 && nr_pages < PAGES_MAX) {
        pages[nr_pages].order = what & 2 ? CHUNK_ORDER : PAGE_ORDER_MAX;
        paddr_t page =
            what & 2 ? page_alloc_movable(&owner) : page_alloc(PAGE_ORDER_MAX, PAGE_USER);
        pages[nr_pages].base = page;
        nr_pages += page != PADDR_NONE;
    } else if (nr_pages > 0) {
        nr_pages--;
        page_free(pages[nr_pages].base, pages[nr_pages].order);
    }
}

/* ---- devices that come and go ---- */

/* Bits of flags: packed ring, more ring features, plugged from before, adopt it; requested blocks.
 */
static void attach(struct device *device, u64 block_bytes, u8 flags)
{
    static const char *const names[NR_DEVICES] = {"vmem0", "vmem1"};
    unsigned number = (unsigned)(device - devices);
    fake_transport_init(&device->fake, VIRTIO_ID_MEM, 7, sizeof(device->config));
    device->fake.on_request = on_request;
    device->fake.context = device;
    if (flags & 1)
        device->fake.offered |= VIRTIO_FEATURE(VIRTIO_F_RING_PACKED);
    if (flags & 2)
        device->fake.offered |= VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX);
    device->block_bytes = block_bytes;
    device->is_quiesced = false;
    device->config = (struct virtio_mem_config_abi){
        .block_size = vmem_to_le64(block_bytes),
        .addr = vmem_to_le64(BASE + number * GIB),
        .region_size = vmem_to_le64(NR_BLOCKS * block_bytes),
        .usable_region_size = vmem_to_le64(NR_BLOCKS * block_bytes),
        .plugged_size = vmem_to_le64(flags & 4 ? 3 * block_bytes : 0),
        .requested_size = vmem_to_le64((flags >> 4) * block_bytes),
    };
    write_config(device);
    enum vmem_init init = flags & 8 ? VMEM_INIT_STATE : VMEM_INIT_UNPLUG_ALL;
    if (fake_attach(&device->fake.device, names[number], VMEM_IRQ_AUTO, init, &device->driver) !=
        OK)
        device->driver = NULL;
}

static void detach(struct device *device)
{
    if (device->is_quiesced) { /* nothing else may come next */
        device->is_quiesced = false;
        vmem_resume(device->driver, platform_now_ms());
    }
    if (vmem_detach(device->driver) == OK)
        device->driver = NULL;
}

/* The other events are for this device from now on; with a block size, it comes or goes. */
static void choose(u8 which)
{
    static const u64 block_sizes[] = {2 * MIB, 64 * KIB, MIB, 4 * MIB, BLOCK_MAX};
    current = &devices[which % NR_DEVICES];
    if (which / NR_DEVICES >= ARRAY_SIZE(block_sizes))
        return;
    if (current->driver)
        detach(current);
    else
        attach(current, block_sizes[which / NR_DEVICES], (u8)fuzz_take(&input, 1));
}

static void quiesce_or_resume(struct device *device)
{
    device->is_quiesced = !device->is_quiesced;
    if (!device->is_quiesced)
        vmem_resume(device->driver, platform_now_ms());
    else if (vmem_quiesce(device->driver) != OK)
        FUZZ_CHECK(device->fake.device.broken);
}

/* ---- events ---- */

static void act_on_current(u8 what)
{
    switch (what % 8) {
    case 1:
        current->config.requested_size.raw = what / 8 % (NR_BLOCKS + 1) * current->block_bytes;
        write_config(current);
        fake_transport_raise_config(&current->fake);
        break;
    case 2:
        current->fake.config[fuzz_take(&input, 1) % sizeof(current->config)] =
            (u8)fuzz_take(&input, 1);
        fake_transport_raise_config(&current->fake);
        break;
    case 3:
        if (vmem_verify(current->driver) == OK)
            fake_advance_ms(1);
        break;
    case 4:
        fake_transport_interrupt(&current->fake, what / 8 & 3);
        break;
    case 5:
        current->fake.hold = (what & 8) != 0;
        if (!current->fake.hold && current->fake.queues[0].enabled)
            (void)fake_transport_process(&current->fake, 0);
        break;
    default:
        if (what / 8 == 1)
            quiesce_or_resume(current);
        else if (what / 8 == 2)
            fake_transport_fail(&current->fake);
        else
            fake_advance_ms(70000);
        break;
    }
}

static void act(void)
{
    u8 what = (u8)fuzz_take(&input, 1);
    if (what % 8 == 0)
        fake_advance_ms(fuzz_take(&input, 2));
    else if (what % 8 == 7)
        use_pages(what / 8);
    else if (what % 8 == 6 && what / 8 >= 16)
        choose(what / 8 - 16);
    else if (current->driver)
        act_on_current(what);
}

/* ---- what must hold ---- */

/* Plugged, by the driver's block map. */
static u64 service(struct device *device)
{
    struct vmem_status status;
    u64 before = device->fake.nr_requests;
    u64 now_ms = platform_now_ms();
    u64 next_ms;
    for (unsigned calls = 0; (next_ms = vmem_service(device->driver, now_ms)) <= now_ms; calls++) {
        FUZZ_CHECK(calls < AT_ONCE_MAX);
        FUZZ_CHECK(device->fake.nr_requests - before <= REQUESTS_MAX);
        before = device->fake.nr_requests;
    }
    FUZZ_CHECK(device->fake.nr_requests - before <= REQUESTS_MAX);
    FUZZ_CHECK(!device->is_quiesced || next_ms == VMEM_NEVER);
    vmem_get_status(device->driver, &status);
    return status.plugged_blocks * device->block_bytes;
}

static void check(void)
{
    u64 plugged_bytes = 0;
    for (unsigned i = 0; i < NR_DEVICES; i++) {
        if (devices[i].driver)
            plugged_bytes += service(&devices[i]);
    }
    FUZZ_CHECK(plugged_bytes == fake_mapped_bytes());
    for (unsigned i = 0; i < nr_pages; i++)
        FUZZ_CHECK(pages[i].base < BASE ||
                   fake_is_mapped(pages[i].base, PAGE_BYTES << pages[i].order));
}

static void start(void)
{
    static struct boot_info boot;
    static bool is_backed;
    fake_mm_start(&boot, 4 * MIB);
    if (!is_backed) /* where boot RAM is full, mm's own data go into plugged memory */
        fake_back(BASE, NR_DEVICES * GIB);
    is_backed = true;
    nr_pages = 0;
    refuses = false;
    FUZZ_CHECK(page_add_owner(&owner) == OK);
    for (unsigned i = 0; i < NR_DEVICES; i++)
        devices[i].driver = NULL;
    current = &devices[0];
    attach(current, 2 * MIB, (u8)fuzz_take(&input, 1));
}

static void finish(void)
{
    bool is_all_gone = true;
    while (nr_pages > 0)
        use_pages(0);
    for (unsigned i = 0; i < NR_DEVICES; i++) {
        if (devices[i].driver)
            detach(&devices[i]);
        is_all_gone &= !devices[i].driver;
    }
    if (is_all_gone)
        FUZZ_CHECK(fake_mapped_bytes() == 0);
    page_check();
    fake_shutdown();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    for (unsigned i = 0; i < LOG_NR_MODULES; i++)
        log_levels[i] = LOG_LEVEL_ERROR;
    input = (struct fuzz_input){data, bytes, 0};
    start();
    check();
    while (!fuzz_ended(&input)) {
        act();
        check();
    }
    finish();
    return 0;
}
