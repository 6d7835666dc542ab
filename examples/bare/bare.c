/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel that follows its host: a virtio-mem device in slot 4 of a q35 machine, polled, of at most 63 blocks. */
#include <vmem/host.h>
#include <vmem/pci.h>
#include <vmem/vmem.h>

/* The blocks of a range, a bit each. */
#define BITS(at, bytes) (((1ull << (bytes) / region.block_bytes) - 1) << ((at)-region.base) / region.block_bytes)

static struct vmem_region region;
static uint64_t present, idle; /* the blocks that are online, and those of them that nobody has */

/* A heap that starts zeroed, and gets nothing back. */
void *vmem_host_dma_alloc(size_t bytes, size_t align, uint64_t *device_address) {
    static char heap[1 << 20] __attribute__((aligned(4096))), *next = heap;
    *device_address = ((uint64_t)next + align - 1) & -align;
    next = (char *)*device_address + bytes;
    return next <= heap + sizeof(heap) ? next - bytes : NULL;
}
void *vmem_host_alloc(size_t bytes) { return vmem_host_dma_alloc(bytes, 16, &(uint64_t){0}); }

uint64_t vmem_host_now_ms(void) { return __builtin_ia32_rdtsc() >> 21; } /* near enough */
int vmem_host_log_wanted(enum vmem_log_level level) { return level < VMEM_LOG_DEBUG; }

/* A PCI function is its config space in memory. Its BARs are of 64 bits, and the device keeps to them. */
uint32_t vmem_host_pci_read(void *f, uint16_t offset, unsigned bytes) {
    return *(volatile uint32_t *)(f + (offset & ~3)) >> offset % 4 * 8 & ~0u >> (32 - bytes * 8);
}
void vmem_host_pci_write(void *f, uint16_t at, unsigned bytes, uint32_t v) { __builtin_memcpy(f + at, &v, bytes); }
int vmem_host_pci_map(void *f, unsigned bar, uint64_t offset, size_t bytes, volatile void **registers) {
    *registers = (char *)(*(volatile uint64_t *)(f + 16 + 4 * bar) & ~15ull) + offset;
    return VMEM_OK;
}

/* The allocator: whole blocks. */
static char *take(void) {
    uint64_t block = idle & -idle;
    return block ? (idle ^= block, (char *)region.base + __builtin_ctzll(block) * region.block_bytes) : NULL;
}
static void give(char *block) { idle |= BITS((uint64_t)block, region.block_bytes); }

static int add_region(void *c, struct vmem_region *added) {
    return added->bytes > 63 * added->block_bytes ? VMEM_E_NOMEM : (region = *added, VMEM_OK);
}
static int remove_region(void *c, uint64_t base) { return present ? VMEM_E_BUSY : VMEM_OK; }
static int change(uint64_t blocks, uint64_t obstacles, int error) {
    return blocks & obstacles ? error : (present ^= blocks, idle ^= blocks, VMEM_OK);
}
static int online(void *c, uint64_t base, uint64_t bytes) { return change(BITS(base, bytes), present, VMEM_E_EXIST); }
static int offline(void *c, uint64_t base, uint64_t bytes) { return change(BITS(base, bytes), ~idle, VMEM_E_BUSY); }
static bool next_idle(void *c, uint64_t from, uint64_t to, struct vmem_range *found) {
    uint64_t blocks = idle & BITS(from, to - from), first = blocks ? __builtin_ctzll(blocks) : 0;
    *found = (struct vmem_range){region.base + first * region.block_bytes,
                                 __builtin_ctzll(~(blocks >> first)) * region.block_bytes};
    return blocks != 0;
}
static uint64_t used_bytes(void *c, uint64_t base, uint64_t bytes) {
    return __builtin_popcountll(present & ~idle & BITS(base, bytes)) * region.block_bytes;
}

void bare(void) {
    static const struct vmem_memory_ops memory = {add_region, remove_region, online, offline, next_idle, used_bytes};
    const struct vmem_options options = {
        .name = "vmem0", .irq_mode = VMEM_IRQ_POLL, .address_limit = 1ull << 39, .memory = &memory};
    struct vmem_virtio *virtio;
    struct vmem_device *device;
    if (vmem_pci_create((void *)0xb0020000, "slot 4", &virtio) == 0 && vmem_attach(virtio, &options, &device) == 0)
        for (uint64_t due = 0;;) {
            if (idle) /* the kernel's own work: it takes a block, writes, and gives it back */
                give(__builtin_memset(take(), 0, 4096));
            if (vmem_host_now_ms() >= due)
                due = vmem_service(device, vmem_host_now_ms());
        }
}
