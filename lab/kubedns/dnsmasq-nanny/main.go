// Command dnsmasq-nanny stands in for the program of that name (kubernetes/dns): it takes its flags, stays PID 1,
// runs the real dnsmasq with the arguments after `--` and those that the ConfigMap kube-dns adds, begins it anew when
// that changes, ends with it, and puts klog's prefix before every line that dnsmasq writes.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var (
	configDir = flag.String("configDir", "/etc/k8s/dns/dnsmasq-nanny", "folder of the mounted ConfigMap kube-dns")
	program   = flag.String("dnsmasqExec", "/usr/sbin/dnsmasq", "dnsmasq")
	restart   = flag.Bool("restartDnsmasq", false, "begin dnsmasq anew when the ConfigMap changes")
	interval  = flag.Duration("syncInterval", 10*time.Second, "how often to look at the ConfigMap")
	_         = flag.Int("v", 0, "accepted")
	_         = flag.Bool("logtostderr", true, "accepted")
)

func main() {
	flag.Parse()
	for {
		given := configured()
		dnsmasq := exec.Command(*program, append(flag.Args(), given...)...)
		output, input := io.Pipe()
		dnsmasq.Stdout, dnsmasq.Stderr = input, input
		go copyLines(output)
		if err := dnsmasq.Start(); err != nil {
			log.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- dnsmasq.Wait() }()
		if !changed(given, ended) {
			os.Exit(dnsmasq.ProcessState.ExitCode())
		}
		if err := dnsmasq.Process.Kill(); err != nil {
			log.Fatal(err) // the kubelet begins both anew
		}
		<-ended
	}
}

// changed waits until the ConfigMap adds other arguments than those given; false where dnsmasq ends before.
func changed(given []string, ended <-chan error) bool {
	for {
		select {
		case <-ended:
			return false
		case <-time.After(*interval):
			if *restart && !slices.Equal(configured(), given) {
				return true
			}
		}
	}
}

// configured returns the arguments that the ConfigMap's stubDomains and upstreamNameservers stand for.
func configured() []string {
	var domains map[string][]string
	var upstreams []string
	read("stubDomains", &domains)
	read("upstreamNameservers", &upstreams)
	arguments := []string{}
	for domain, servers := range domains {
		for _, server := range servers {
			arguments = append(arguments, fmt.Sprintf("--server=/%s/%s", domain, withPort(server)))
		}
	}
	slices.Sort(arguments)
	for _, server := range upstreams {
		arguments = append(arguments, "--server="+withPort(server))
	}
	if len(upstreams) > 0 {
		arguments = append(arguments, "--no-resolv")
	}
	return arguments
}

// read reads a key of the ConfigMap, as JSON, if it is there.
func read(key string, value any) {
	text, err := os.ReadFile(filepath.Join(*configDir, key))
	if err != nil {
		return
	}
	if err := json.Unmarshal(text, value); err != nil {
		log.Printf("%s is left out: %v", key, err)
	}
}

// withPort returns an address as dnsmasq has it: ADDRESS#PORT.
func withPort(server string) string {
	if host, port, found := strings.Cut(server, ":"); found && !strings.Contains(port, ":") {
		return host + "#" + port
	}
	return server
}

// copyLines writes each line with its prefix at once, so that none is torn.
func copyLines(output io.Reader) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		now := time.Now().UTC()
		prefix := now.Format("I0102 15:04:05.000000")
		fmt.Fprintf(os.Stderr, "%s %7d nanny.go:148] %s\n", prefix, os.Getpid(), lines.Text())
	}
}
