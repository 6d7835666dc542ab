/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: the virtio-mem driver's request loop. The input is what the
 * device answers (or does not), what it writes into config space, what the host
 * and the guest do meanwhile. Whatever it is: the driver's book is what mm has
 * mapped, a page in use stays mapped, and each call is bounded.
 */
#include "drivers/virtio/virtio_mem.h"
#include "drivers/virtio/virtio_mem_spec.h"
#include "drivers/virtio/virtio_spec.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "mm/page.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_mm.h"
#include "tests/unit/fake_transport.h"

#define BASE         (4 * GIB)
#define BLOCK        (2 * MIB)
#define NR_BLOCKS    24
#define PAGES_MAX    16
#define REQUESTS_MAX (64 * 16 + 16)  /* rounds of one call, requests of one round */
#define AT_ONCE_MAX  (8 * NR_BLOCKS) /* calls in a row that want another at once, to move pages */
#define CHUNK_ORDER  6

static struct fake_transport fake;
static struct fuzz_input input;
static struct virtio_mem_config_abi config;
static struct {
    paddr_t base;
    unsigned order; /* CHUNK_ORDER: movable */
} pages[PAGES_MAX];
static unsigned nr_pages;
static bool refuses;

static void write_config(void)
{
    memcpy(fake.config, &config, sizeof(config));
}

/* What a device does that believes its own ACK; else the fuzzer gets no further than the first. */
static void follow_ack(const struct virtio_mem_request_abi *request)
{
    u64 bytes = le16_to_cpu(request->nb_blocks) * BLOCK;
    switch (le16_to_cpu(request->type)) {
    case VIRTIO_MEM_REQ_PLUG:
        config.plugged_size.raw += bytes;
        break;
    case VIRTIO_MEM_REQ_UNPLUG:
        config.plugged_size.raw -= bytes;
        break;
    case VIRTIO_MEM_REQ_UNPLUG_ALL:
        config.plugged_size.raw = 0;
        break;
    default:
        break;
    }
    write_config();
}

static void on_request(void *context, struct fake_request *raw)
{
    (void)context;
    struct virtio_mem_request_abi request;
    struct virtio_mem_response_abi reply = {0};
    u8 how = (u8)fuzz_take(&input, 1);

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
        fake_transport_fail(&fake);
    if (reply.type.raw == VIRTIO_MEM_RESP_ACK && (how & 0x70) != 0x50)
        follow_ack(&request);
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

static void act(struct vmem_device *driver)
{
    u8 what = (u8)fuzz_take(&input, 1);
    switch (what % 8) {
    case 0:
        fake_advance_ms(fuzz_take(&input, 2));
        break;
    case 1:
        config.requested_size.raw = what / 8 % (NR_BLOCKS + 1) * BLOCK;
        write_config();
        fake_transport_raise_config(&fake);
        break;
    case 2:
        fake.config[fuzz_take(&input, 1) % sizeof(config)] = (u8)fuzz_take(&input, 1);
        fake_transport_raise_config(&fake);
        break;
    case 3:
        if (vmem_verify(driver) == OK)
            fake_advance_ms(1);
        break;
    case 4:
        fake_transport_interrupt(&fake, what / 8 & 3);
        break;
    case 5:
        fake.hold = (what & 8) != 0;
        if (!fake.hold && fake.queues[0].enabled)
            (void)fake_transport_process(&fake, 0);
        break;
    case 6:
        fake_advance_ms(70000);
        break;
    default:
        use_pages(what / 8);
        break;
    }
}

static void check(struct vmem_device *driver)
{
    struct vmem_status status;
    u64 before = fake.nr_requests;
    u64 now_ms = platform_now_ms();
    for (unsigned calls = 0; vmem_service(driver, now_ms) <= now_ms; calls++) {
        FUZZ_CHECK(calls < AT_ONCE_MAX);
        FUZZ_CHECK(fake.nr_requests - before <= REQUESTS_MAX);
        before = fake.nr_requests;
    }
    FUZZ_CHECK(fake.nr_requests - before <= REQUESTS_MAX);
    vmem_get_status(driver, &status);
    FUZZ_CHECK(status.plugged_blocks * BLOCK == fake_mapped_bytes());
    for (unsigned i = 0; i < nr_pages; i++)
        FUZZ_CHECK(pages[i].base < BASE ||
                   fake_is_mapped(pages[i].base, PAGE_BYTES << pages[i].order));
}

static void start(u8 flags)
{
    static struct boot_info boot;
    fake_mm_start(&boot, 8 * MIB);
    nr_pages = 0;
    refuses = false;
    FUZZ_CHECK(page_add_owner(&owner) == OK);
    fake_transport_init(&fake, VIRTIO_ID_MEM, 7, sizeof(config));
    fake.on_request = on_request;
    if (flags & 1)
        fake.offered |= VIRTIO_FEATURE(VIRTIO_F_RING_PACKED);
    if (flags & 2)
        fake.offered |= VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX) | VIRTIO_FEATURE(VIRTIO_F_IN_ORDER);
    config = (struct virtio_mem_config_abi){
        .block_size = cpu_to_le64(BLOCK),
        .addr = cpu_to_le64(BASE),
        .region_size = cpu_to_le64(NR_BLOCKS * BLOCK),
        .usable_region_size = cpu_to_le64(NR_BLOCKS * BLOCK),
        .plugged_size = cpu_to_le64(flags & 4 ? 3 * BLOCK : 0),
        .requested_size = cpu_to_le64((flags >> 4) * BLOCK),
    };
    write_config();
    vmem_choose_init(flags & 8 ? VMEM_INIT_STATE : VMEM_INIT_UNPLUG_ALL);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    struct vmem_device *driver;
    for (unsigned i = 0; i < LOG_NR_MODULES; i++)
        log_levels[i] = LOG_LEVEL_ERROR;
    input = (struct fuzz_input){data, bytes, 0};
    start((u8)fuzz_take(&input, 1));
    if (vmem_attach(&fake.device, "vmem0", VIRTIO_IRQ_AUTO, &driver) == OK) {
        check(driver);
        while (!fuzz_ended(&input)) {
            act(driver);
            check(driver);
        }
        while (nr_pages > 0)
            use_pages(0);
        if (vmem_detach(driver) == OK)
            FUZZ_CHECK(fake_mapped_bytes() == 0);
        page_check();
    }
    fake_shutdown();
    return 0;
}
