"""``python -m icp_xl`` is the ``icp-xl`` command."""

from icp_xl.cli import main

main()
