/* SPDX-License-Identifier: BSD-2-Clause */
/* The vectors of virtio functions: drivers/virtio/include/vmem/pci.h, vmem_host_pci_irq_attach().
 */
#include "extras/msix/msix.h"
#include "include/extra.h"
#include "include/status.h"
#include "lib/panic.h"

#define FUNCTIONS_MAX 16
#define VECTORS       2

static struct function {
    struct pci_device *pci; /* NULL: free */
    struct pci_msix msix;
    struct vector {
        struct function *function;
        bool (*handler)(void *context); /* NULL: not attached */
        void *context;
        struct irq_message message;
    } vectors[VECTORS];
} functions[FUNCTIONS_MAX];

/* The entry of a function: its own, or a free one; NULL if there is none. */
static struct function *find(const struct pci_device *pci)
{
    struct function *found = NULL;
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
        if (functions[i].pci == pci)
            return &functions[i];
        if (!functions[i].pci && !found)
            found = &functions[i];
    }
    return found;
}

static bool has_vector(const struct function *function)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        if (function->vectors[i].handler)
            return true;
    }
    return false;
}

static void run_vector(void *context)
{
    struct vector *vector = context;
    if (!vector->handler(vector->context))
        pci_msix_mask(&vector->function->msix, (u16)(vector - vector->function->vectors));
}

static int attach(struct vector *vector, struct pci_device *pci, u16 number, bool is_first)
{
    struct function *function = vector->function;
    int status = is_first ? pci_msix_init(&function->msix, pci) : OK;
    if (status == OK && number >= function->msix.nr_vectors)
        status = E_UNSUPPORTED;
    if (status == OK)
        status = irq_attach_message(run_vector, vector, &vector->message);
    if (status != OK)
        return status;
    status = pci_msix_set(&function->msix, number, vector->message);
    ASSERT(status == OK); /* it is in the table */
    if (is_first)
        pci_msix_enable(&function->msix, true);
    return OK;
}

static int attach_vector(struct pci_device *pci, u16 number, bool (*handler)(void *context),
                         void *context)
{
    struct function *function = find(pci);
    if (!function)
        return E_NOMEM;
    struct vector *vector = &function->vectors[number];
    bool is_first = !has_vector(function);
    *vector = (struct vector){.function = function, .handler = handler, .context = context};
    int status = attach(vector, pci, number, is_first);
    if (status == OK)
        function->pci = pci;
    else
        vector->handler = NULL;
    return status;
}

static void detach_vector(struct pci_device *pci, u16 number)
{
    struct function *function = find(pci);
    ASSERT(function && function->pci);
    struct vector *vector = &function->vectors[number];
    pci_msix_mask(&function->msix, number);
    irq_detach_message(&vector->message);
    vector->handler = NULL;
    if (has_vector(function))
        return;
    pci_msix_enable(&function->msix, false);
    function->pci = NULL;
}

EXTRA(msix) = {.name = "msix", .attach_vector = attach_vector, .detach_vector = detach_vector};
