"""From captured packets to DNS queries: pure."""
