// Command sidecar stands in for the program of that name (kubernetes/dns): its flags, ports, paths and metrics.
//
// The values are real: dnsmasq's own counters (CHAOS TXT *.bind, by UDP) and timed questions.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// counters are dnsmasq's: metric -> name to ask for.
var counters = map[string]string{
	"hits":       "hits.bind.",
	"misses":     "misses.bind.",
	"evictions":  "evictions.bind.",
	"insertions": "insertions.bind.",
	"max_size":   "cachesize.bind.",
}

func main() {
	dnsmasqAddress := flag.String("dnsmasq-addr", "127.0.0.1", "dnsmasq's address")
	dnsmasqPort := flag.Int("dnsmasq-port", 53, "dnsmasq's port")
	interval := flag.Int("dnsmasq-poll-interval-ms", 5000, "time between two polls of dnsmasq")
	address := flag.String("prometheus-addr", "0.0.0.0", "address of the metrics")
	port := flag.Int("prometheus-port", 10054, "port of the metrics")
	path := flag.String("prometheus-path", "/metrics", "path of the metrics")
	space := flag.String("prometheus-namespace", "kubedns", "what metrics begin with")
	flag.Int("v", 0, "accepted")
	probes := []*probe{}
	flag.Func("probe", "label,server,name[,seconds[,type]]: what to ask, over and over", func(text string) error {
		parsed, err := parse(text)
		probes = append(probes, parsed)
		return err
	})
	flag.Parse()
	go poll(fmt.Sprintf("%s:%d", *dnsmasqAddress, *dnsmasqPort), time.Duration(*interval)*time.Millisecond, *space)
	for _, probe := range probes {
		go probe.run(*space)
		http.Handle("/healthcheck/"+probe.label, probe)
	}
	http.Handle(*path, promhttp.Handler())
	log.Fatal(http.ListenAndServe(fmt.Sprintf("%s:%d", *address, *port), nil))
}

// poll reads dnsmasq's counters for ever.
func poll(server string, interval time.Duration, space string) {
	failed := promauto.NewCounter(prometheus.CounterOpts{
		Namespace: space, Subsystem: "dnsmasq", Name: "errors",
		Help: "Number of errors that have occurred getting metrics",
	})
	values := map[string]*atomic.Uint64{}
	for metric := range counters {
		value := new(atomic.Uint64)
		values[metric] = value
		promauto.NewCounterFunc(
			prometheus.CounterOpts{Namespace: space, Subsystem: "dnsmasq", Name: metric},
			func() float64 { return float64(value.Load()) },
		)
	}
	for ; ; time.Sleep(interval) {
		for metric, name := range counters {
			value, err := counter(server, name)
			if err != nil {
				failed.Inc()
				continue
			}
			values[metric].Store(value)
		}
	}
}

// counter asks dnsmasq for one of its counters.
func counter(server, name string) (uint64, error) {
	query := &dns.Msg{MsgHdr: dns.MsgHdr{Id: dns.Id(), RecursionDesired: true}}
	query.Question = []dns.Question{{Name: name, Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}
	reply, err := dns.Exchange(query, server)
	if err != nil {
		return 0, err
	}
	for _, answer := range reply.Answer {
		if text, ok := answer.(*dns.TXT); ok && len(text.Txt) == 1 {
			return strconv.ParseUint(text.Txt[0], 10, 64)
		}
	}
	return 0, errors.New("no text in the answer")
}

// probe asks a server the same question over and over.
type probe struct {
	label, server, name string
	interval            time.Duration
	rtype               uint16
	healthy             atomic.Bool
}

func parse(text string) (*probe, error) {
	parts := strings.Split(text, ",")
	if len(parts) < 3 || len(parts) > 5 {
		return nil, errors.New("want label,server,name[,seconds[,type]]")
	}
	parsed := &probe{label: parts[0], server: parts[1], name: dns.Fqdn(parts[2]), interval: 5 * time.Second, rtype: dns.TypeANY}
	if len(parts) > 3 {
		seconds, err := strconv.Atoi(parts[3])
		if err != nil {
			return nil, err
		}
		parsed.interval = time.Duration(seconds) * time.Second
	}
	if len(parts) > 4 {
		rtype, known := dns.StringToType[parts[4]]
		if !known {
			return nil, fmt.Errorf("no such type: %s", parts[4])
		}
		parsed.rtype = rtype
	}
	return parsed, nil
}

func (p *probe) run(space string) {
	subsystem := "probe_" + p.label
	failed := promauto.NewCounter(prometheus.CounterOpts{
		Namespace: space, Subsystem: subsystem, Name: "errors",
		Help: "Count of errors in name resolution of " + p.label,
	})
	took := promauto.NewHistogram(prometheus.HistogramOpts{
		Namespace: space, Subsystem: subsystem, Name: "latency_ms",
		Help:    "Latency of the DNS probe request " + p.label,
		Buckets: prometheus.ExponentialBuckets(0.25, 2, 16),
	})
	for ; ; time.Sleep(p.interval) {
		client := &dns.Client{Timeout: p.interval}
		reply, time, err := client.Exchange(new(dns.Msg).SetQuestion(p.name, p.rtype), p.server)
		p.healthy.Store(err == nil && reply.Rcode == dns.RcodeSuccess)
		if !p.healthy.Load() {
			failed.Inc()
			continue
		}
		took.Observe(time.Seconds() * 1000)
	}
}

// ServeHTTP tells whether the last answer was right.
func (p *probe) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if !p.healthy.Load() {
		http.Error(w, "failed", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
