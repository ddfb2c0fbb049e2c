"""Shared by the readers: tables, dates, visit times, covariates, path templates."""
