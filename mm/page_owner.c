/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners of movable pages. See page.h. */
#include "include/status.h"
#include "mm/page_debug.h"
#include "mm/page_internal.h"
#include "mm/reservation.h"

static struct page_owner *owners[PAGE_OWNERS_MAX];
static unsigned nr_owners;

void page_owner_init(void)
{
    nr_owners = 0;
}

int page_add_owner(struct page_owner *owner)
{
    int status = OK;
    if (owner->order > PAGE_ORDER_MAX)
        return E_INVAL;
    spin_lock(&page_lock);
    if (owner->number >= nr_owners || owners[owner->number] != owner) {
        if (nr_owners < PAGE_OWNERS_MAX) {
            owner->number = nr_owners;
            owners[nr_owners++] = owner;
        } else {
            status = E_NOMEM;
        }
    }
    spin_unlock(&page_lock);
    return status;
}

struct page_owner *page_owner_of(unsigned number)
{
    return owners[number];
}

const char *page_owner_name(unsigned number)
{
    return number < nr_owners ? owners[number]->name : NULL;
}

paddr_t page_alloc_movable(const struct page_owner *owner)
{
    paddr_t paddr = page_alloc_reserved(owner->order, RESERVATION_OF_OWNER(owner->number));
    return page_debug_taken(paddr, (u64)1 << owner->order);
}
