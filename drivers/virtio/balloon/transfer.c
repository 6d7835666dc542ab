/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One buffer of page numbers on its way to the device. Its runs are kept beside it, and never read
 * from the buffer, which a device might change. See device.h.
 */
#include "device.h"

#define NUMBERS_BYTES (VMEM_BALLOON_PAGES_MAX * sizeof(vmem_le32))

int vmem_balloon_transfer_init(struct vmem_balloon_transfer *transfer)
{
    transfer->numbers =
        vmem_host_dma_alloc(NUMBERS_BYTES, sizeof(uint64_t), &transfer->numbers_address);
    return transfer->numbers ? VMEM_OK : VMEM_E_NOMEM;
}

void vmem_balloon_transfer_free(struct vmem_balloon_transfer *transfer)
{
    if (transfer->numbers)
        vmem_host_dma_free(transfer->numbers, NUMBERS_BYTES, transfer->numbers_address);
    transfer->numbers = NULL;
}

void vmem_balloon_transfer_add(struct vmem_balloon_transfer *transfer, struct vmem_balloon_run run)
{
    VMEM_ASSERT(transfer->nr_runs < VMEM_BALLOON_RUNS_MAX &&
                run.nr_pages <= VMEM_BALLOON_PAGES_MAX - transfer->nr_pages);
    for (uint32_t i = 0; i < run.nr_pages; i++)
        transfer->numbers[transfer->nr_pages + i] = vmem_to_le32(run.first + i);
    transfer->runs[transfer->nr_runs++] = run;
    transfer->nr_pages += run.nr_pages;
}

int vmem_balloon_transfer_send(struct vmem_balloon_transfer *transfer)
{
    const struct virtqueue_piece piece = {transfer->numbers_address,
                                          transfer->nr_pages * (uint32_t)sizeof(vmem_le32)};
    int status = vmem_queue_add(transfer->queue, &piece, 1, 0, transfer);
    if (status == VMEM_OK)
        vmem_queue_publish(transfer->queue);
    return status;
}

int vmem_balloon_transfer_take(struct vmem_balloon_transfer *transfer)
{
    struct virtqueue_used used;
    if (!vmem_balloon_transfer_is_sent(transfer))
        return VMEM_E_AGAIN;
    return vmem_queue_take_used(transfer->queue, &used);
}

void vmem_balloon_transfer_empty(struct vmem_balloon_transfer *transfer)
{
    transfer->nr_runs = 0;
    transfer->nr_pages = 0;
}
