/* SPDX-License-Identifier: BSD-2-Clause */
/* Longer runs are of no lower class, and the least length of a class is what its name says. */
#include "drivers/virtio/mem/plan.c"
#include "tests/proofs/vmem_host.h"

void harness(void)
{
    uint64_t nr_blocks, more;
    ASSUME(nr_blocks <= more);
    unsigned class = class_of(nr_blocks);

    PROVE(class < VMEM_LENGTH_CLASSES);
    PROVE(class <= class_of(more));
    PROVE(length_of(class) <= nr_blocks);
    PROVE(length_of(class + 1) > vmem_min(nr_blocks, VIRTIO_MEM_NB_BLOCKS_MAX));
}
