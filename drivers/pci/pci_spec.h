/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration space: offsets and bits, by the names of the PCI Local
 * Bus Specification 3.0, the PCI-to-PCI Bridge Architecture Specification 1.2
 * and the PCI Express Base Specification.
 */
#ifndef TIDE_DRIVERS_PCI_PCI_SPEC_H
#define TIDE_DRIVERS_PCI_PCI_SPEC_H

/* ---- every function ---- */

#define PCI_VENDOR_ID       0x00
#define PCI_COMMAND         0x04
#define PCI_STATUS          0x06
#define PCI_CLASS_REVISION  0x08
#define PCI_CACHE_LINE_SIZE 0x0c /* the dword that holds the header type */
#define PCI_HEADER_TYPE     0x0e
#define PCI_BAR0            0x10
#define PCI_SUBSYSTEM       0x2c /* header type 0 */
#define PCI_CAPABILITIES    0x34
#define PCI_INTERRUPT_LINE  0x3c

#define PCI_VENDOR_NONE 0xffff

#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_INTX_DISABLE 0x0400

#define PCI_STATUS_CAPABILITIES 0x0010

#define PCI_HEADER_MULTI_FUNCTION 0x80
#define PCI_HEADER_TYPE_MASK      0x7f
#define PCI_HEADER_NORMAL         0
#define PCI_HEADER_BRIDGE         1

#define PCI_CLASS_BRIDGE    0x06
#define PCI_SUBCLASS_HOST   0x00
#define PCI_DEVICES_PER_BUS 32
#define PCI_FUNCTIONS       8
#define PCI_CONFIG_BYTES    256
#define PCI_ECAM_BUS_BYTES  0x100000u /* of an ECAM window, a bus */

/* ---- base address registers ---- */

#define PCI_BAR_IS_IO           0x1u
#define PCI_BAR_TYPE_MASK       0x6u
#define PCI_BAR_TYPE_64BIT      0x4u
#define PCI_BAR_IS_PREFETCHABLE 0x8u
#define PCI_BAR_MEMORY_MASK     0xfffffff0u
#define PCI_BAR_IO_MASK         0xfffffffcu

/* ---- header type 1: bridges ---- */

#define PCI_BRIDGE_BUSES 0x18 /* primary, secondary, subordinate, latency timer */

/* ---- capabilities ---- */

#define PCI_CAPABILITY_FIRST 0x40 /* lower pointers would lead into the header */

/* PCI Express capability. */
#define PCI_EXPRESS_FLAGS           0x02
#define PCI_EXPRESS_TYPE_SHIFT      4
#define PCI_EXPRESS_TYPE_MASK       0xfu
#define PCI_EXPRESS_TYPE_ROOT_PORT  4
#define PCI_EXPRESS_TYPE_DOWNSTREAM 6

#endif
