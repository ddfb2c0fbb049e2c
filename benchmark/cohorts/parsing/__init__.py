"""What readers share: tables, dates, times of visits, covariates, patterns of paths."""
