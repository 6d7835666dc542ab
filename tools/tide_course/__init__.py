# SPDX-License-Identifier: BSD-2-Clause
"""The course: skeletons made from Tide's sources, and the grader that goes into each.

lab.py, sandbox.py and grade.py are in a student's tree too; the rest is the lecturer's.
"""
