"""From scans as found to volumes on the benchmark's grid."""
