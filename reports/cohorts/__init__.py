"""What a cohort holds, told before anything is prepared."""
