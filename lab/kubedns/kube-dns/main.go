// Command kube-dns stands in for the program of that name (kubernetes/dns, container kubedns): what it answers, its
// flags, ports, metrics and how it ends are the original's, as far as the suite can see them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

var (
	domain      = flag.String("domain", "cluster.local.", "domain under which to create names")
	kubeconfig  = flag.String("kubecfg-file", "", "how to reach the API server; by default as a pod does")
	masterURL   = flag.String("kube-master-url", "", "the API server's URL")
	healthPort  = flag.Int("healthz-port", 8081, "port of /readiness")
	address     = flag.String("dns-bind-address", "0.0.0.0", "address to serve DNS on")
	port        = flag.Int("dns-port", 53, "port to serve DNS on")
	nameservers = flag.String("nameservers", "", "name servers for all other domains; by default resolv.conf's")
	configDir   = flag.String("config-dir", "", "folder of the mounted ConfigMap kube-dns")
	_           = flag.Duration("config-period", 10*time.Second, "accepted: the folder is read at each query")
	syncTimeout = flag.Duration("initial-sync-timeout", time.Minute, "time to read the cluster in")
	_           = flag.Int("v", 0, "accepted")
	_           = flag.Bool("logtostderr", true, "accepted")
)

func main() {
	flag.Parse()
	ignoreSignals()
	config, err := clientcmd.BuildConfigFromFlags(*masterURL, *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	known := newCluster(kubernetes.NewForConfigOrDie(config), dns.Fqdn(*domain))
	answers := &server{cluster: known, nameservers: upstreams, metrics: newMetrics()}
	for _, network := range []string{"udp", "tcp"} {
		go func() {
			log.Fatal(dns.ListenAndServe(fmt.Sprintf("%s:%d", *address, *port), network, answers))
		}()
	}
	for began := time.Now(); !known.synced(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > *syncTimeout {
			log.Fatal("Timeout waiting for initialization")
		}
	}
	http.HandleFunc("/readiness", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", *healthPort), nil))
}

// ignoreSignals lets only SIGKILL end this program, so that its pod takes the whole of its grace period.
func ignoreSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for number := range signals {
			log.Printf("Ignoring signal %v (can only be terminated by SIGKILL)", number)
		}
	}()
}

// upstreams returns the name servers of flag, ConfigMap or resolv.conf, with ports.
func upstreams() []string {
	var servers []string
	if *nameservers != "" {
		servers = strings.Split(*nameservers, ",")
	}
	if text, err := os.ReadFile(filepath.Join(*configDir, "upstreamNameservers")); err == nil && *configDir != "" {
		json.Unmarshal(text, &servers)
	}
	if len(servers) == 0 {
		if config, err := dns.ClientConfigFromFile("/etc/resolv.conf"); err == nil {
			servers = config.Servers
		}
	}
	for at, server := range servers {
		if _, _, err := net.SplitHostPort(server); err != nil {
			servers[at] = net.JoinHostPort(server, "53")
		}
	}
	return servers
}
