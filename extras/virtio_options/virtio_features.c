/* SPDX-License-Identifier: BSD-2-Clause */
/* See virtio_features.h. */
#include "extras/virtio_options/virtio_features.h"

#include "include/extra.h"
#include "include/status.h"
#include "kernel/options.h"
#include "lib/parse.h"
#include "lib/string.h"

#define FEATURE_BITS 64
#define NAME_BYTES   32
#define RING         "RING_"

static char upper(char character)
{
    return character >= 'a' && character <= 'z' ? (char)(character - 'a' + 'A') : character;
}

static int parse_bit(const char *name, u64 *bit)
{
    for (*bit = 0; *bit < FEATURE_BITS; ++*bit) {
        const char *known = vmem_feature_name((unsigned)*bit);
        if (!known)
            continue;
        bool is_ring = strncmp(known, RING, strlen(RING)) == 0;
        if (strcmp(name, known) == 0 || (is_ring && strcmp(name, known + strlen(RING)) == 0))
            return OK;
    }
    return parse_u64(name, bit) == OK && *bit < FEATURE_BITS ? OK : E_INVAL;
}

int virtio_features_parse(const char *text, u64 *masked)
{
    u64 bits = 0;

    do {
        char name[NAME_BYTES];
        size_t length = 0;
        u64 bit;

        if (*text++ != '-')
            return E_INVAL;
        for (; *text != '\0' && *text != ','; text++) {
            if (length == sizeof(name) - 1)
                return E_INVAL;
            name[length++] = upper(*text);
        }
        name[length] = '\0';
        if (parse_bit(name, &bit) != OK)
            return E_INVAL;
        bits |= (u64)1 << bit;
    } while (*text++ == ',');
    *masked |= bits;
    return OK;
}

static int parse(const char *value, struct options *options)
{
    return virtio_features_parse(value, &options->features_masked);
}

static const struct option_rule option = {
    .key = "virtio.features",
    .parse = parse,
    .expected = "features not to accept, as in -packed,-event_idx, by name or bit number",
    .repeats = true,
};

EXTRA(virtio_features) = {.name = "virtio_options", .option = &option};
