package main

import (
	"fmt"
	"hash/fnv"
	"strings"

	core "k8s.io/api/core/v1"
)

const (
	ttl      = 30
	priority = 10
	weight   = 10
)

// record stands for an address, or for a name where host is none.
type record struct {
	owner string // where it is in the tree, absolute
	host  string
	port  uint16
}

// node is a domain. An entry is a record under a label that has nothing below it: an endpoint, or the alias of an
// ExternalName Service. A Service with a cluster IP has one entry for each of its addresses, under a made-up label.
type node struct {
	children map[string]*node
	entries  map[string]record
}

func newNode() *node {
	return &node{children: map[string]*node{}, entries: map[string]record{}}
}

// below returns the domain down a path of labels, which is made where it is not there.
func (n *node) below(labels ...string) *node {
	for _, label := range labels {
		if n.children[label] == nil {
			n.children[label] = newNode()
		}
		n = n.children[label]
	}
	return n
}

// find returns the records of a name: of an entry itself, or all entries of a domain. "*" stands for any label.
//
// A name without records is not there: the empty answer means NXDOMAIN.
func (n *node) find(labels []string) []record {
	last, found := len(labels)-1, []record{}
	domains := []*node{n}
	for at, label := range labels {
		next := []*node{}
		for _, domain := range domains {
			entry, isEntry := domain.entries[label]
			switch {
			case at == last && isEntry:
				found = append(found, entry)
			case at == last && label == "*":
				next = append(next, domain)
			case label == "*":
				for name, child := range domain.children {
					if !strings.HasPrefix(name, "_") {
						next = append(next, child)
					}
				}
			case domain.children[label] != nil:
				next = append(next, domain.children[label])
			}
		}
		domains = next
	}
	for _, domain := range domains {
		for _, entry := range domain.entries {
			found = append(found, entry)
		}
	}
	return found
}

// of makes a Service's domain, and says which addresses have which names.
//
// Endpoints are entries under their hostname, so of several with one hostname the last is left, whatever the
// families of their addresses; and only those with a hostname have a PTR record.
func of(service *core.Service, endpoints *core.Endpoints, owner string) (*node, map[string]string) {
	domain, names := newNode(), map[string]string{}
	if service.Spec.ClusterIP != core.ClusterIPNone {
		for _, address := range service.Spec.ClusterIPs {
			label := madeUp(address, 0)
			domain.entries[label] = record{owner: label + "." + owner, host: address}
			names[address] = owner
			for _, port := range service.Spec.Ports {
				domain.port(label, owner, owner, port.Name, port.Protocol, port.Port)
			}
		}
		return domain, names
	}
	if endpoints == nil {
		return domain, names
	}
	for _, subset := range endpoints.Subsets {
		for _, address := range subset.Addresses {
			label := address.Hostname
			if label == "" {
				label = madeUp(address.IP, 0)
			}
			target := label + "." + owner
			domain.entries[label] = record{owner: target, host: address.IP}
			if address.Hostname != "" {
				names[address.IP] = target
			}
			for _, port := range subset.Ports {
				domain.port(label, owner, target, port.Name, port.Protocol, port.Port)
			}
		}
	}
	return domain, names
}

// port adds what an SRV record of a named port leads to.
func (n *node) port(label, owner, target, name string, protocol core.Protocol, number int32) {
	if name == "" {
		return
	}
	labels := []string{"_" + strings.ToLower(string(protocol)), "_" + name}
	at := fmt.Sprintf("%s.%s.%s.%s", label, labels[1], labels[0], owner)
	n.below(labels...).entries[label] = record{owner: at, host: target, port: uint16(number)}
}

// madeUp returns the label of an address without a hostname: as the original has it, which prints the whole record,
// hashes that, and writes the hash in hexadecimal twice.
func madeUp(address string, port int) string {
	hash := fnv.New32a()
	fmt.Fprintf(hash, "&{%s %d %d %d  false %d 0  }", address, port, priority, weight, ttl)
	return fmt.Sprintf("%x", fmt.Sprintf("%x", hash.Sum32()))
}
