/* SPDX-License-Identifier: BSD-2-Clause */
/* See workload_spec.h. One table names the keys, their limits and what they mean. */
#include "extras/workload/workload_spec.h"

#include "extras/sizes/sizes.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/parse.h"
#include "lib/string.h"

static const char *const kind_names[WORKLOAD_NR_KINDS] = {
    [WORKLOAD_STEADY] = "steady", [WORKLOAD_RAMP] = "ramp",     [WORKLOAD_SAWTOOTH] = "sawtooth",
    [WORKLOAD_BURSTS] = "bursts", [WORKLOAD_RANDOM] = "random", [WORKLOAD_VERIFY] = "verify",
};

#define NUMBER_MAX ((u64)1000000000)

struct key {
    const char *name;
    size_t offset; /* of the u64 in struct workload_spec */
    u64 low;
    u64 high;
    u64 multiple;
    const char *expected;
};

#define SPEC_KEY(name, member) name, offsetof(struct workload_spec, member)

static const struct key keys[] = {
    {SPEC_KEY("seed", seed), 0, ~(u64)0, 1, "seed=NUMBER"},
    {SPEC_KEY("size", size_bytes), PAGE_BYTES, TIB, PAGE_BYTES, "size=SIZE, whole pages, to 1T"},
    {SPEC_KEY("chunk", chunk_bytes), PAGE_BYTES, GIB, PAGE_BYTES, "chunk=SIZE, whole pages, to 1G"},
    {SPEC_KEY("low", low_bytes), 0, TIB, PAGE_BYTES, "low=SIZE, whole pages, at most size"},
    {SPEC_KEY("function", function_bytes), PAGE_BYTES, TIB, PAGE_BYTES, "function=SIZE"},
    {SPEC_KEY("life", life_ticks), 1, NUMBER_MAX, 1, "life=TICKS from 1"},
    {SPEC_KEY("period", period_ticks), 2, NUMBER_MAX, 1, "period=TICKS from 2"},
    {SPEC_KEY("ticks", nr_ticks), 0, NUMBER_MAX, 1, "ticks=NUMBER"},
    {SPEC_KEY("tick", tick_ms), 0, NUMBER_MAX, 1, "tick=MILLISECONDS"},
    {SPEC_KEY("occupancy", occupancy), 0, 100, 1, "occupancy=PERCENT from 0 to 100"},
    {SPEC_KEY("movable", movable), 0, 100, 1, "movable=PERCENT from 0 to 100"},
    {SPEC_KEY("refuse", refuse), 0, 100, 1, "refuse=PERCENT from 0 to 100"},
};

static const struct workload_spec defaults = {
    .seed = 1,
    .size_bytes = 64 * MIB,
    .chunk_bytes = 64 * KIB,
    .function_bytes = 8 * MIB,
    .life_ticks = 20,
    .period_ticks = 20,
    .nr_ticks = 100,
    .tick_ms = 10,
    .occupancy = 50,
};

static int refuse(struct workload_mistake *mistake, const char *word, const char *expected)
{
    *mistake = (struct workload_mistake){word, expected};
    return E_INVAL;
}

static int parse_key(const char *word, struct workload_spec *spec, struct workload_mistake *mistake)
{
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        size_t length = strlen(keys[i].name);
        u64 value;
        if (strncmp(word, keys[i].name, length) != 0 || word[length] != '=')
            continue;
        if (parse_size(word + length + 1, &value) != OK || value < keys[i].low ||
            value > keys[i].high || value % keys[i].multiple != 0)
            return refuse(mistake, word, keys[i].expected);
        *(u64 *)(void *)((u8 *)spec + keys[i].offset) = value;
        return OK;
    }
    return refuse(mistake, word,
                  "seed= size= chunk= low= function= life= period= ticks= tick= occupancy= "
                  "movable= refuse=");
}

int workload_spec_parse(unsigned nr_words, const char *const *words, struct workload_spec *spec,
                        struct workload_mistake *mistake)
{
    unsigned kind = 0;
    *spec = defaults;
    while (nr_words > 0 && kind < WORKLOAD_NR_KINDS && strcmp(words[0], kind_names[kind]) != 0)
        kind++;
    if (nr_words == 0 || kind == WORKLOAD_NR_KINDS)
        return refuse(mistake, nr_words > 0 ? words[0] : "",
                      "steady, ramp, sawtooth, bursts, random or verify");
    spec->kind = (enum workload_kind)kind;
    for (unsigned i = 1; i < nr_words; i++) {
        int status = parse_key(words[i], spec, mistake);
        if (status != OK)
            return status;
    }
    if (spec->chunk_bytes > spec->size_bytes || spec->low_bytes > spec->size_bytes)
        return refuse(mistake, words[0], "chunk= and low= at most size=");
    if (spec->movable != 0 &&
        (!is_power_of_two(spec->chunk_bytes) || spec->chunk_bytes > WORKLOAD_MOVABLE_MAX))
        return refuse(mistake, words[0], "with movable=, chunk= a power of two from 4K to 2M");
    return OK;
}

const char *workload_kind_name(enum workload_kind kind)
{
    return kind_names[kind];
}

u64 workload_spec_chunks(const struct workload_spec *spec)
{
    return spec->size_bytes / spec->chunk_bytes;
}
