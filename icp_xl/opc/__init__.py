"""Packages of Office Open XML: parts, relationships, XML, archives, locks and undo."""
