package main

import (
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const resync = 5 * time.Minute

// cluster holds the records of all Services, as the API server has them and their Endpoints now.
type cluster struct {
	domain              string // absolute, e.g. "cluster.local."
	services, endpoints cache.SharedIndexInformer

	lock  sync.RWMutex
	root  *node
	names map[string]string   // address -> name
	has   map[string][]string // Service -> its addresses in names
}

// newCluster begins to follow Services and Endpoints. EndpointSlices are not read.
func newCluster(client kubernetes.Interface, domain string) *cluster {
	factory := informers.NewSharedInformerFactory(client, resync)
	c := &cluster{
		domain:    domain,
		services:  factory.Core().V1().Services().Informer(),
		endpoints: factory.Core().V1().Endpoints().Informer(),
		root:      newNode(),
		names:     map[string]string{},
		has:       map[string][]string{},
	}
	changed := cache.ResourceEventHandlerFuncs{
		AddFunc:    c.update,
		UpdateFunc: func(_, object any) { c.update(object) },
		DeleteFunc: c.update,
	}
	for _, informer := range []cache.SharedIndexInformer{c.services, c.endpoints} {
		informer.AddEventHandler(changed)
		go informer.Run(make(chan struct{}))
	}
	return c
}

// synced says whether everything that is there has been read.
func (c *cluster) synced() bool { return c.services.HasSynced() && c.endpoints.HasSynced() }

// update makes a Service's records anew, the Service or its Endpoints having changed.
func (c *cluster) update(object any) {
	key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
	if err != nil {
		return
	}
	namespace, name, _ := strings.Cut(key, "/")
	c.lock.Lock()
	defer c.lock.Unlock()
	around := c.root.below("svc", namespace)
	delete(around.children, name)
	delete(around.entries, name)
	for _, address := range c.has[key] {
		delete(c.names, address)
	}
	delete(c.has, key)
	stored, found, _ := c.services.GetStore().GetByKey(key)
	if !found {
		return
	}
	service := stored.(*core.Service)
	owner := strings.Join([]string{name, namespace, "svc", c.domain}, ".")
	if service.Spec.Type == core.ServiceTypeExternalName {
		around.entries[name] = record{owner: owner, host: service.Spec.ExternalName}
		return
	}
	endpoints, _, _ := c.endpoints.GetStore().GetByKey(key)
	behind, _ := endpoints.(*core.Endpoints)
	domain, names := of(service, behind, owner)
	around.children[name] = domain
	for address, name := range names {
		c.names[address] = name
		c.has[key] = append(c.has[key], address)
	}
}

// records returns those of a name of the domain; false where there is no such name.
func (c *cluster) records(name string) ([]record, bool) {
	path := c.path(name)
	if address, isPod := podAddress(path); isPod {
		if net.ParseIP(address) == nil {
			return nil, true
		}
		return []record{{owner: name, host: address}}, true
	}
	c.lock.RLock()
	defer c.lock.RUnlock()
	found := c.root.find(path)
	return found, len(found) > 0
}

// entry returns what a name itself stands for: that of an ExternalName Service or of an endpoint, not of a Service
// that has addresses. This is all that is known of names when CNAME records are asked for.
func (c *cluster) entry(name string) (record, bool) {
	path := c.path(name)
	if address, isPod := podAddress(path); isPod {
		return record{owner: name, host: address}, true
	}
	last := len(path) - 1
	c.lock.RLock()
	defer c.lock.RUnlock()
	domain := c.root
	for _, label := range path[:last] {
		if domain = domain.children[label]; domain == nil {
			return record{}, false
		}
	}
	entry, found := domain.entries[path[last]]
	return entry, found
}

// path returns a name's labels below the domain, the last one first.
func (c *cluster) path(name string) []string {
	labels := strings.Split(strings.TrimSuffix(strings.TrimSuffix(name, c.domain), "."), ".")
	slices.Reverse(labels)
	return labels
}

// podAddress returns the address that a pod's name spells, whether a pod has it or not.
func podAddress(path []string) (string, bool) {
	if len(path) != 3 || path[0] != "pod" || slices.Contains(path, "*") {
		return "", false
	}
	return strings.ReplaceAll(path[2], "-", "."), true
}

// name returns the one that an address has.
func (c *cluster) name(address string) (string, bool) {
	c.lock.RLock()
	defer c.lock.RUnlock()
	name, found := c.names[address]
	return name, found
}
