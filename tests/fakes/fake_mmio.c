/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_mmio.h. */
#include "tests/fakes/fake_mmio.h"
#include "tests/unit/include/asm/io.h"
#include "tests/unit/include/asm/mmio.h"
#include "tests/unit/unit.h"

#include <inttypes.h>

#define CLAIMS_MAX 64

struct claim {
    u64 base;
    u64 bytes;
    const struct fake_registers *registers;
    void *context;
};

struct decoder {
    const char *name;
    struct claim claims[CLAIMS_MAX];
    unsigned nr_claims;
};

static struct decoder memory = {.name = "register"};
static struct decoder ports = {.name = "port"};

static void claim(struct decoder *decoder, u64 base, u64 bytes,
                  const struct fake_registers *registers, void *context)
{
    assert_true(decoder->nr_claims < CLAIMS_MAX);
    decoder->claims[decoder->nr_claims++] = (struct claim){base, bytes, registers, context};
}

static const struct claim *decode(const struct decoder *decoder, u64 address, unsigned bytes)
{
    for (unsigned i = 0; i < decoder->nr_claims; i++) {
        const struct claim *found = &decoder->claims[i];
        if (address >= found->base && address + bytes <= found->base + found->bytes)
            return found;
    }
    fail_msg("no fake answers for %s 0x%" PRIx64 ", %u bytes", decoder->name, address, bytes);
    return NULL;
}

void fake_mmio_claim(u64 base, u64 bytes, const struct fake_registers *registers, void *context)
{
    claim(&memory, base, bytes, registers, context);
}

void fake_port_claim(u16 base, u16 nr_ports, const struct fake_registers *registers, void *context)
{
    claim(&ports, base, nr_ports, registers, context);
}

void fake_mmio_reset(void)
{
    memory.nr_claims = 0;
    ports.nr_claims = 0;
}

u32 fake_mmio_read(const volatile void *address, unsigned bytes)
{
    const struct claim *found = decode(&memory, (u64)(uintptr_t)address, bytes);
    return found->registers->read(found->context, (u64)(uintptr_t)address - found->base, bytes);
}

void fake_mmio_write(volatile void *address, unsigned bytes, u32 value)
{
    const struct claim *found = decode(&memory, (u64)(uintptr_t)address, bytes);
    found->registers->write(found->context, (u64)(uintptr_t)address - found->base, bytes, value);
}

u32 fake_port_read(u16 port, unsigned bytes)
{
    const struct claim *found = decode(&ports, port, bytes);
    return found->registers->read(found->context, port - found->base, bytes);
}

void fake_port_write(u16 port, unsigned bytes, u32 value)
{
    const struct claim *found = decode(&ports, port, bytes);
    found->registers->write(found->context, port - found->base, bytes, value);
}
