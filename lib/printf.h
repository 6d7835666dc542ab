/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted text into a buffer, as ISO C has it: by the drivers' formatter, with its conversions.
 */
#ifndef TIDE_LIB_PRINTF_H
#define TIDE_LIB_PRINTF_H

#include "drivers/virtio/include/vmem/format.h"

#define vsnprintf vmem_vformat
#define snprintf  vmem_format

#endif
