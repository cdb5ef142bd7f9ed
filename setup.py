"""What pyproject.toml cannot say: the folders udfs and vba are installed inside the package, not beside it."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["icp_xl", "icp_xl.*"]), "icp_xl._udfs", "icp_xl._vba"],
    package_dir={"icp_xl._udfs": "udfs", "icp_xl._vba": "vba"},
)
