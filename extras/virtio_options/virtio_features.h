/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio.features=: feature bits that are never accepted, for experiments. */
#ifndef TIDE_EXTRAS_VIRTIO_FEATURES_H
#define TIDE_EXTRAS_VIRTIO_FEATURES_H

#include "include/types.h"

/*
 * Parse "-ring_packed,-event_idx,-1": names of bits as vmem_feature_name() has them, in either
 * case, without RING_ if one likes, or their numbers. Adds the bits to *masked; E_INVAL if the text
 * is malformed or names an unknown feature (then nothing changes).
 */
must_check int virtio_features_parse(const char *text, u64 *masked);

#endif
