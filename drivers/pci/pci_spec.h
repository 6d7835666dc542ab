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
#define PCI_BAR0            0x10
#define PCI_SUBSYSTEM       0x2c /* header type 0 */
#define PCI_CAPABILITIES    0x34
#define PCI_INTERRUPT_LINE  0x3c

#define PCI_VENDOR_NONE      0xffff
#define PCI_VENDOR_NOT_READY 0x0001 /* PCI Express: ask again later */

#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_INTX_DISABLE 0x0400

#define PCI_STATUS_CAPABILITIES 0x0010

#define PCI_HEADER_MULTI_FUNCTION 0x80
#define PCI_HEADER_TYPE_MASK      0x7f
#define PCI_HEADER_NORMAL         0
#define PCI_HEADER_BRIDGE         1

#define PCI_CLASS_BRIDGE      0x06
#define PCI_SUBCLASS_HOST     0x00
#define PCI_SUBCLASS_ISA      0x01
#define PCI_DEVICES_PER_BUS   32
#define PCI_FUNCTIONS         8
#define PCI_CONFIG_BYTES      256
#define PCI_CONFIG_BYTES_ECAM 4096
#define PCI_ECAM_BUS_BYTES    0x100000u /* of an ECAM window, a bus */

/* ---- base address registers ---- */

#define PCI_BAR_IS_IO           0x1u
#define PCI_BAR_TYPE_MASK       0x6u
#define PCI_BAR_TYPE_32BIT      0x0u
#define PCI_BAR_TYPE_BELOW_1M   0x2u
#define PCI_BAR_TYPE_64BIT      0x4u
#define PCI_BAR_IS_PREFETCHABLE 0x8u
#define PCI_BAR_MEMORY_MASK     0xfffffff0u
#define PCI_BAR_IO_MASK         0xfffffffcu

/* ---- header type 1: bridges ---- */

#define PCI_BRIDGE_BUSES             0x18 /* primary, secondary, subordinate, latency timer */
#define PCI_BRIDGE_SUBORDINATE       0x1a
#define PCI_BRIDGE_IO                0x1c
#define PCI_BRIDGE_MEMORY            0x20 /* base and limit, 16 bits each */
#define PCI_BRIDGE_PREFETCH          0x24
#define PCI_BRIDGE_PREFETCH_BASE_HI  0x28
#define PCI_BRIDGE_PREFETCH_LIMIT_HI 0x2c
#define PCI_BRIDGE_GRANULE           0x100000u /* of the memory windows */
#define PCI_BRIDGE_PREFETCH_64BIT    0x1u

/* ---- capabilities ---- */

#define PCI_CAPABILITY_FIRST 0x40 /* lower pointers would lead into the header */

/* PCI Express capability. */
#define PCI_EXPRESS_FLAGS           0x02
#define PCI_EXPRESS_TYPE_SHIFT      4
#define PCI_EXPRESS_TYPE_MASK       0xfu
#define PCI_EXPRESS_TYPE_ROOT_PORT  4
#define PCI_EXPRESS_TYPE_DOWNSTREAM 6
#define PCI_EXPRESS_HAS_SLOT        0x0100u /* of the flags */

/* The slot registers in it. */
#define PCI_SLOT_CAPABILITIES     0x14
#define PCI_SLOT_CONTROL          0x18
#define PCI_SLOT_STATUS           0x1a
#define PCI_SLOT_CAP_HOTPLUG      0x00000040u
#define PCI_SLOT_POWER_LIGHT_MASK 0x0300u
#define PCI_SLOT_POWER_LIGHT_ON   0x0100u
#define PCI_SLOT_POWER_LIGHT_OFF  0x0300u
#define PCI_SLOT_POWER_OFF        0x0400u
#define PCI_SLOT_INTERRUPTS       0x103fu /* what may raise one */
#define PCI_SLOT_BUTTON_PRESSED   0x0001u
#define PCI_SLOT_PRESENCE_CHANGED 0x0008u
#define PCI_SLOT_EVENTS           0x011fu /* cleared by writing them */
#define PCI_SLOT_PRESENT          0x0040u

#endif
