"""The offline analysers: what captures and logs of a cluster's DNS tell.

They need no cluster, and know nothing of the suite. A format's public functions and types are those that its
border exports, and only these are used from outside:

    analysis.capture        captures in the forms of pcap and pcapng: `analyse`, `read_queries`
    analysis.dnsmasq_log    dnsmasq's query log: `analyse`
    analysis.coredns_log    CoreDNS' error log: `forward_timeouts`
    analysis.compression    files that may be compressed: `uncompressed`, `lines`
"""
