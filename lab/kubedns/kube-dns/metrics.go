package main

import (
	"net/http"
	"os"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var (
	durations = []float64{0.001, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	sizes     = []float64{
		0, 512, 1024, 1500, 2048, 4096, 8192, 12288, 16384, 20480, 24576, 28672, 32768, 36864, 40960, 45056, 49152,
		53248, 57344, 61440, 65536,
	}
	causes = map[int]string{
		dns.RcodeNameError: "nxdomain", dns.RcodeServerFailure: "servfail", dns.RcodeRefused: "refused",
	}
)

// metrics are those that the original has, with its names, labels and buckets.
type metrics struct {
	requests, errors *prometheus.CounterVec
	durations, sizes *prometheus.HistogramVec
	missed           prometheus.Counter
}

// newMetrics serves metrics where PROMETHEUS_PORT says; an empty one has them not served.
func newMetrics() *metrics {
	const space, subsystem = "skydns", "skydns_dns"
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		return promauto.NewCounterVec(
			prometheus.CounterOpts{Namespace: space, Subsystem: subsystem, Name: name, Help: help}, labels)
	}
	measure := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return promauto.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: space, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets,
		}, []string{"system"})
	}
	m := &metrics{
		requests:  count("request_count_total", "Counter of DNS requests made.", "system"),
		errors:    count("error_count_total", "Counter of DNS requests resulting in an error.", "system", "cause"),
		durations: measure("request_duration_seconds", "Histogram of the time (in seconds) each request took to resolve.", durations),
		sizes:     measure("response_size_bytes", "Size of the returns response in bytes.", sizes),
		missed: count("cachemiss_count_total", "Counter of DNS requests that result in a cache miss.", "cache").
			WithLabelValues("response"),
	}
	if port := os.Getenv("PROMETHEUS_PORT"); port != "" {
		page := http.NewServeMux()
		page.Handle("/metrics", promhttp.Handler())
		go http.ListenAndServe(":"+port, page)
	}
	return m
}

// count counts an answer; an error by UDP twice, as the original does, so that errors may be more than requests.
func (m *metrics) count(system string, reply *dns.Msg, took time.Duration, tcp bool) {
	m.requests.WithLabelValues(system).Inc()
	m.durations.WithLabelValues(system).Observe(took.Seconds())
	m.sizes.WithLabelValues(system).Observe(float64(reply.Len()))
	cause, failed := causes[reply.Rcode]
	if reply.Truncated {
		cause, failed = "truncated", true
	}
	if failed {
		m.errors.WithLabelValues(system, cause).Inc()
	}
	if failed && !tcp && system == "auth" {
		m.errors.WithLabelValues(system, cause).Inc()
	}
}
