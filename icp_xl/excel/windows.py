"""What kind of Excel a Windows machine has, and what its administrator forbids, as the registry tells.

Each place in the registry has its source beside it. Nothing here writes.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

OFFICE = r"Software\Microsoft\Office\16.0\Excel"
#: Group policies stand under Software\Policies (learn.microsoft.com, "Plan and configure Trusted Locations settings").
POLICY = r"Software\Policies\Microsoft\Office\16.0\Excel\Security"
#: "Application Registration" (learn.microsoft.com): where a program's file lies, as the value without a name.
APP_PATH = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\excel.exe"
#: Kept by Click-to-Run: ProductReleaseIds ("Product IDs supported by the Office Deployment Tool", learn.microsoft.com)
#: and Platform, x86 or x64.
CLICK_TO_RUN = r"HKLM\SOFTWARE\Microsoft\Office\ClickToRun\Configuration"
#: Rules of Defender's attack surface reduction ("ASR rules reference", learn.microsoft.com), as group policy leaves
#: them and as Intune does; 1 blocks, 6 warns and blocks until the user agrees, 2 only records, 0 is off.
ASR_RULES = (
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender\Windows Defender Exploit Guard\ASR\Rules",
    r"HKLM\SOFTWARE\Microsoft\Windows Defender\Windows Defender Exploit Guard\ASR\Rules",
)
ASR_INTUNE = r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender\Policy Manager"
NO_CHILDREN = "d4f940ab-401b-4efc-aadc-ad5f3c50688a"
NO_WIN32_CALLS = "92e97fa1-2edf-4476-bdd6-9dd0b4dddc7b"
NO_WMI_PROCESSES = "d1e49aac-8f56-4280-b9ba-993a6d77406c"
#: The field Machine of an executable's header ("PE Format", learn.microsoft.com).
_MACHINES = {0x014C: 32, 0x8664: 64, 0xAA64: 64}
_YEARS = re.compile(r"(2016|2019|2021|2024)")


class Registry(Protocol):
    """Windows' registry, to be read."""

    def values(self, key: str) -> Mapping[str, Any]:
        """Values of a key such as ``HKCU\\Software\\X`` by their names; empty where there is no such key."""
        ...


class WindowsRegistry:
    """The registry of this machine. Of HKLM both views are read, since a 32-bit Office writes into the other one."""

    def values(self, key: str) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if sys.platform == "win32":
            import winreg

            root, _, path = key.partition("\\")
            hive = winreg.HKEY_LOCAL_MACHINE if root == "HKLM" else winreg.HKEY_CURRENT_USER
            for view in (winreg.KEY_WOW64_32KEY, winreg.KEY_WOW64_64KEY) if root == "HKLM" else (0,):
                try:
                    with winreg.OpenKey(hive, path, 0, winreg.KEY_READ | view) as handle:
                        for place in range(winreg.QueryInfoKey(handle)[1]):
                            name, value, _ = winreg.EnumValue(handle, place)
                            found[name] = value
                except OSError:
                    continue
        return found


@dataclass(frozen=True)
class InstalledExcel:
    """The Excel of this machine."""

    registry: Registry = field(default_factory=WindowsRegistry)

    @cached_property
    def program(self) -> str:
        """Path of EXCEL.EXE; empty where none is registered."""
        return str(self.registry.values(APP_PATH).get("", "")).strip('"')

    @cached_property
    def bits(self) -> int:
        """32 or 64, by the program itself, else by what Click-to-Run noted; 0 where neither tells."""
        found = executable_bits(Path(self.program)) if self.program else 0
        platform = str(self.registry.values(CLICK_TO_RUN).get("Platform", "")).lower()
        return found or {"x86": 32, "x64": 64}.get(platform, 0)

    @cached_property
    def edition(self) -> str:
        """``365``, a year such as ``2019``, or empty where nothing tells it."""
        products = str(self.registry.values(CLICK_TO_RUN).get("ProductReleaseIds", ""))
        if not products:
            return ""
        year = _YEARS.search(products)
        if year:
            return year.group(1)
        # Product IDs without a year are those of 2016, unless they are of the subscription.
        return "365" if re.search(r"365|Business|Mondo", products) else "2016"

    @property
    def from_store(self) -> bool:
        """Whether it came from the Microsoft Store, whose programs lie in WindowsApps."""
        return is_store_path(self.program)

    def forbids(self, rule: str) -> str:
        """How Defender treats what the ASR rule ``rule`` names: ``block``, ``warn``, ``audit``, or empty."""
        found = ""
        for key in ASR_RULES:
            for name, value in self.registry.values(key).items():
                if name.lower().strip("{}") == rule:
                    found = str(value)
        for pair in str(self.registry.values(ASR_INTUNE).get("ASRRules", "")).split("|"):
            name, _, value = pair.partition("=")
            if name.lower().strip("{} ") == rule:
                found = value.strip()
        return {"1": "block", "2": "audit", "6": "warn"}.get(found, "")


def is_store_path(path: str) -> bool:
    r"""Whether a program lies where Windows keeps those of the Microsoft Store.

    >>> is_store_path(r"C:\Program Files\WindowsApps\Microsoft.Office.Desktop.Excel_16051\Office16\EXCEL.EXE")
    True
    """
    return "windowsapps" in path.lower().replace("/", "\\").split("\\")


def executable_bits(path: Path) -> int:
    """32 or 64 by the header of a Windows program; 0 where it cannot be read or is none."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if len(head) < 64 or head[:2] != b"MZ":
                return 0
            file.seek(struct.unpack_from("<I", head, 60)[0])
            signature = file.read(6)
    except OSError:
        return 0
    if len(signature) < 6 or signature[:4] != b"PE\0\0":
        return 0
    return _MACHINES.get(struct.unpack_from("<H", signature, 4)[0], 0)
