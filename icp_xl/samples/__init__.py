"""Sample workbooks: a seeded, invented reseller, written down as untidily as real ones are."""

from __future__ import annotations

from icp_xl.samples.files import FILES, copy_samples, write_contacts, write_samples

__all__ = ["FILES", "copy_samples", "write_contacts", "write_samples"]
