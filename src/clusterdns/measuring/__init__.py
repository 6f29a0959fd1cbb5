"""What is measured of a cluster, as plain typed code; nothing here judges."""
