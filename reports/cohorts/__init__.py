"""Description of a cohort, before anything is prepared."""
