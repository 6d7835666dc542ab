/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio_mem.irq= and virtio_mem.init=: what the driver is to do otherwise than by default. */
#include "include/extra.h"
#include "include/status.h"
#include "kernel/options.h"
#include "lib/string.h"

static int parse_irq(const char *value, struct options *options)
{
    static const struct {
        const char *name;
        enum vmem_irq_mode mode;
    } modes[] = {
        {"auto", VMEM_IRQ_AUTO},
        {"msix", VMEM_IRQ_MSIX},
        {"intx", VMEM_IRQ_INTX},
        {"poll", VMEM_IRQ_POLL},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        if (strcmp(value, modes[i].name) == 0) {
            options->irq_mode = modes[i].mode;
            return OK;
        }
    }
    return E_INVAL;
}

static int parse_init(const char *value, struct options *options)
{
    if (strcmp(value, "state") == 0)
        options->init = VMEM_INIT_STATE;
    else if (strcmp(value, "unplug") == 0)
        options->init = VMEM_INIT_UNPLUG_ALL;
    else
        return E_INVAL;
    return OK;
}

static const struct option_rule irq_option = {"virtio_mem.irq", parse_irq,
                                              "auto, msix, intx or poll", false};
static const struct option_rule init_option = {"virtio_mem.init", parse_init, "unplug or state",
                                               false};

EXTRA(irq) = {.name = "virtio_options", .option = &irq_option};
EXTRA(init) = {.name = "virtio_options", .option = &init_option};
