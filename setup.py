"""What pyproject.toml cannot say: the folders udfs, vba and workbooks are installed inside the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["icp_xl", "icp_xl.*"]), "icp_xl._udfs", "icp_xl._vba", "icp_xl._workbooks"],
    package_dir={"icp_xl._udfs": "udfs", "icp_xl._vba": "vba", "icp_xl._workbooks": "workbooks"},
)
