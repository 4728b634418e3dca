"""Many agents on one data folder, whose servers come and go at random."""
