# SPDX-License-Identifier: BSD-2-Clause
# A program that comes in between a search and its claim, as another processor does.

$(O)/unit/mm/test_page_races: UNIT_LDFLAGS := -Xlinker --wrap=frames_claim_pageblocks
