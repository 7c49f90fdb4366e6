"""Runs the rules over one document: analyse, the registry of rules, suppression, internal failures."""
