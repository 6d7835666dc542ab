/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_cpus.h. */
#include "tests/fakes/fake_cpus.h"

#include <asm/cpu.h>
#include <assert.h>
#include <string.h>

#include "arch/x86_64/arch.h"
#include "extras/jobs/cpu_work.h"
#include "include/status.h"

#define TYPED_BYTES 4096

static struct {
    bool runs;
    void (*function)(void *context);
    void *context;
} processors[CPUS_MAX];

static unsigned nr_found = 1;
static char typed[TYPED_BYTES];
static size_t nr_typed;
static size_t nr_read;

static void no_job(void *context)
{
    (void)context;
}

void fake_cpus_reset(unsigned nr)
{
    memset(processors, 0, sizeof(processors));
    nr_found = nr;
    for (unsigned id = 0; id < nr; id++)
        processors[id].runs = true;
    nr_typed = nr_read = 0;
}

void fake_cpu_lose(unsigned id)
{
    processors[id].runs = false;
}

void fake_cpu_start(unsigned id)
{
    processors[id].runs = true;
}

void fake_cpu_occupy(unsigned id)
{
    processors[id].function = no_job;
}

void fake_cpu_work(unsigned id)
{
    u32 self = fake_cpu_id;

    assert(processors[id].function);
    fake_cpu_id = id;
    processors[id].function(processors[id].context);
    fake_cpu_id = self;
    processors[id].function = NULL;
}

void fake_type(const char *text)
{
    size_t bytes = strlen(text);

    memmove(typed, typed + nr_read, nr_typed - nr_read);
    nr_typed -= nr_read;
    nr_read = 0;
    assert(nr_typed + bytes <= TYPED_BYTES);
    memcpy(typed + nr_typed, text, bytes);
    nr_typed += bytes;
}

bool fake_all_read(void)
{
    return nr_read == nr_typed;
}

int serial_read(void)
{
    return nr_read < nr_typed ? (u8)typed[nr_read++] : -1;
}

bool cpus_exists(unsigned id)
{
    return id < nr_found;
}

bool cpus_runs(unsigned id)
{
    return id < nr_found && processors[id].runs;
}

unsigned cpus_running(void)
{
    unsigned nr = 0;
    for (unsigned id = 0; id < nr_found; id++)
        nr += processors[id].runs;
    return nr;
}

bool cpus_settled(void)
{
    return true;
}

bool cpus_busy(unsigned id)
{
    return processors[id].function != NULL;
}

int cpus_start_job(unsigned id, void (*function)(void *context), void *context)
{
    if (id == 0 || !cpus_runs(id))
        return E_NODEV;
    if (cpus_busy(id))
        return E_BUSY;
    processors[id].function = function;
    processors[id].context = context;
    return OK;
}
