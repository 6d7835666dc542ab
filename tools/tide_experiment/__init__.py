# SPDX-License-Identifier: BSD-2-Clause
"""Resize experiments: scenarios in TOML, run folders, tables and pictures.

toml_lines  where each key of a TOML text stands
schema      kinds of values, each with the words for what is allowed
scenario    the model of a scenario and its checker
guestlines  the machine-readable lines of the guests
guests      how to start and drive a guest: Tide, Linux
recorder    samples and steps into CSV
runner      one run, from start to meta.json
folder      the layout of run folders
results     reading run folders back, medians and spread
figures     SVGs by matplotlib
report      report.html
live        the terminal while it runs
"""
