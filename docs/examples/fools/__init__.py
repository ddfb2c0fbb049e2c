"""Volumes whose faults are known, and the page that shows what each metric gives them."""
