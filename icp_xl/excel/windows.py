"""What kind of Excel a Windows machine has, and what its administrator forbids, as the registry tells.

Each place in the registry has its source beside it. Nothing here writes.
"""

from __future__ import annotations

import os
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
#: Rules of Defender's attack surface reduction ("ASR rules reference", learn.microsoft.com) as group policy, Intune and
#: the machine itself leave them. The first that knows a rule decides ("Enable attack surface reduction rules": of
#: conflicting settings, those of group policy go before those of a management platform, both before PowerShell's).
ASR = r"Windows Defender\Windows Defender Exploit Guard\ASR"
ASR_POLICY, ASR_LOCAL = rf"HKLM\SOFTWARE\Policies\Microsoft\{ASR}\Rules", rf"HKLM\SOFTWARE\Microsoft\{ASR}\Rules"
ASR_INTUNE = r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender\Policy Manager"
#: 0 switches the whole group policy off (admx.help, "Configure Attack Surface Reduction rules").
ASR_SWITCH = (rf"HKLM\SOFTWARE\Policies\Microsoft\{ASR}", "ExploitGuard_ASR_Rules")
#: 1 blocks, 6 warns and blocks until the user agrees, 2 only records, 0 is off, 5 is not configured.
_ASR_STATES = {0: "", 1: "block", 2: "audit", 6: "warn"}
_NOT_CONFIGURED = 5
NO_CHILDREN = "d4f940ab-401b-4efc-aadc-ad5f3c50688a"
NO_WIN32_CALLS = "92e97fa1-2edf-4476-bdd6-9dd0b4dddc7b"
NO_WMI_PROCESSES = "d1e49aac-8f56-4280-b9ba-993a6d77406c"
#: The field Machine of an executable's header ("PE Format", learn.microsoft.com).
_MACHINES = {0x014C: 32, 0x8664: 64, 0xAA64: 64}
_YEAR = re.compile(r"20\d\d")
#: Products that hold Excel; others, such as Visio, Project, Access or a language pack, tell nothing of it.
_WITH_EXCEL = re.compile(r"(O365|M365|Mondo|ProPlus|Professional|Standard|Personal|Home|SmallBus|Excel)", re.IGNORECASE)


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
                            name, value, kind = winreg.EnumValue(handle, place)
                            text = isinstance(value, str) and kind == winreg.REG_EXPAND_SZ
                            found[name] = winreg.ExpandEnvironmentStrings(value) if text else value
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
        return path_text(self.registry.values(APP_PATH).get(""))

    @cached_property
    def bits(self) -> int:
        """32 or 64, by the program itself, else by what Click-to-Run noted; 0 where neither tells."""
        found = executable_bits(Path(self.program)) if self.program else 0
        platform = text_of(self.registry.values(CLICK_TO_RUN).get("Platform")).lower()
        return found or {"x86": 32, "x64": 64}.get(platform, 0)

    @cached_property
    def edition(self) -> str:
        """``365``, a year such as ``2019``, or empty where nothing tells it."""
        products = re.split(r"[,;\s]+", text_of(self.registry.values(CLICK_TO_RUN).get("ProductReleaseIds")))
        # A product without a year is of 2016, unless it is of the subscription.
        found = {
            "365" if re.match("O365|M365|Mondo", product, re.IGNORECASE) else year.group() if year else "2016"
            for product in products
            if _WITH_EXCEL.match(product)
            for year in [_YEAR.search(product)]
        }
        return "365" if "365" in found else max(found, default="")

    @property
    def from_store(self) -> bool:
        """Whether it came from the Microsoft Store, whose programs lie in WindowsApps."""
        return is_store_path(self.program)

    def forbids(self, rule: str) -> str:
        """How Defender treats what the ASR rule ``rule`` names: ``block``, ``warn``, ``audit``, empty, or what stands
        there where nobody knows what it means.
        """
        intune = text_of(self.registry.values(ASR_INTUNE).get("ASRRules"))
        key, switch = ASR_SWITCH
        policy = {} if number_of(self.registry.values(key).get(switch)) == 0 else self.registry.values(ASR_POLICY)
        managed = dict(pair.partition("=")[::2] for pair in intune.split("|"))
        for values in (policy, managed, self.registry.values(ASR_LOCAL)):
            for name, value in values.items():
                if name.lower().strip("{} ") == rule:
                    number = number_of(value)
                    if number != _NOT_CONFIGURED:
                        return _ASR_STATES.get(-1 if number is None else number, repr(value))
        return ""


def text_of(value: Any) -> str:
    """A value of the registry as text, up to its first NUL; several texts with commas; empty for anything else."""
    if isinstance(value, list | tuple):
        return ",".join(filter(None, map(text_of, value)))
    return value.partition("\0")[0].strip() if isinstance(value, str) else ""


def path_text(value: Any) -> str:
    """A path of the registry: without quotation marks, its variables such as ``%ProgramFiles%`` replaced."""
    names = {name.upper(): text for name, text in os.environ.items()}
    path = text_of(value).strip('" ')
    return re.sub("%([^%]+)%", lambda found: names.get(found.group(1).upper(), found.group()), path)


def number_of(value: Any) -> int | None:
    """A number of the registry, also where it was written as a text; ``None`` where it is none.

    >>> number_of(1), number_of(" 0x1 "), number_of("yes"), number_of(None)
    (1, 1, None, None)
    """
    try:
        return int(value) if isinstance(value, int) else int(text_of(value), 0)
    except ValueError:
        return None


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
    except (OSError, ValueError):  # It is gone, or this is no path at all.
        return 0
    if len(signature) < 6 or signature[:4] != b"PE\0\0":
        return 0
    return _MACHINES.get(struct.unpack_from("<H", signature, 4)[0], 0)
