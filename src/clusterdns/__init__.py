"""Says whether a Kubernetes cluster's DNS is correct, fast in the tail and safe in its topology."""
