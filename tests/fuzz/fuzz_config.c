/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: a memory device's config space that changes under the
 * reader. The reads are bounded, a snapshot is one that the device showed
 * twice, and what vmem_config_check() lets pass can be computed with.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/mem/config.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_transport.h"
#include "tests/fuzz/fuzz.h"

#define READS_MAX 1024

static struct fake_transport fake;
static struct fuzz_input input;

static void on_config_read(struct fake_transport *transport, u32 offset)
{
    (void)offset;
    if (fuzz_ended(&input) || fuzz_take(&input, 1) != 0)
        return;
    u32 at = (u32)fuzz_take(&input, 1) % (u32)sizeof(struct virtio_mem_config_abi);
    transport->config[at] = (u8)fuzz_take(&input, 1);
    transport->generation += transport->config[at] & 1;
}

static void check_accepted(const struct vmem_config *config)
{
    FUZZ_CHECK(config->block_bytes >= PAGE_BYTES);
    FUZZ_CHECK(config->region_base % PAGE_BYTES == 0);
    FUZZ_CHECK(vmem_config_is_block_odd(config) || config->region_base % config->block_bytes == 0);
    FUZZ_CHECK(config->region_bytes % config->block_bytes == 0);
    FUZZ_CHECK(!range_overflows(config->region_base, config->region_bytes));
    FUZZ_CHECK(config->region_base + config->region_bytes <= platform_paddr_limit());
    FUZZ_CHECK(config->region_bytes / config->block_bytes <= VMEM_BLOCKS_MAX);
    FUZZ_CHECK(config->usable_bytes <= config->region_bytes);
    FUZZ_CHECK(config->plugged_bytes <= config->region_bytes);
    FUZZ_CHECK(config->requested_bytes <= config->region_bytes);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    struct virtio_mem_config_abi abi = {0};
    struct vmem_config config;
    struct vmem_config before;
    char reason[VMEM_REASON_BYTES];

    fake_console_clear();
    input = (struct fuzz_input){data, bytes, 0};
    fake_transport_init(&fake, VIRTIO_ID_MEM, 0, sizeof(abi));
    fake.faults.on_config_read = on_config_read;
    u8 flags = (u8)fuzz_take(&input, 1);
    fake.faults.generation_runs = (flags & 2) != 0;
    for (size_t i = 0; i < sizeof(abi); i++)
        fake.config[i] = (u8)fuzz_take(&input, 1);
    memset(&before, 0, sizeof(before));
    for (unsigned i = 0; i < 2; i++) {
        fake.nr_config_reads = 0;
        int status = vmem_virtio_read_config(&fake.device, &abi, 0, sizeof(abi));
        FUZZ_CHECK(fake.nr_config_reads <= READS_MAX);
        FUZZ_CHECK(status == OK || status == E_TIMEOUT);
        if (status != OK)
            return 0;
        vmem_config_decode(&abi, (flags & 1) != 0, &config);
        if (vmem_config_check(&config, platform_paddr_limit(), reason, sizeof(reason)))
            return 0;
        check_accepted(&config);
        if (i == 1 && !vmem_config_check_update(&config, &before, reason, sizeof(reason))) {
            FUZZ_CHECK(config.block_bytes == before.block_bytes);
            FUZZ_CHECK(config.region_base == before.region_base);
            FUZZ_CHECK(config.region_bytes == before.region_bytes);
        }
        before = config;
    }
    return 0;
}
