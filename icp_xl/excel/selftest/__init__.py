"""The self-test: the real Excel, driven over what ``tests/office/WINDOWS-CHECKLIST.md`` asks and a program can do.

:mod:`~icp_xl.excel.selftest.step` declares what a step is, :mod:`~icp_xl.excel.selftest.own_excel` starts an Excel of
its own and ends it, :mod:`~icp_xl.excel.selftest.bench` has the invented data that the steps work on, and
:mod:`~icp_xl.excel.selftest.run` goes through them and writes what to send back.
"""
