package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	lasting     = 3600 // seconds that the domain's own SOA record lasts
	negative    = 60   // seconds that an answer without records lasts
	readTimeout = 2 * time.Second
	longAlias   = 8
)

// server answers from the cluster, and sends on what is none of it.
type server struct {
	*cluster
	nameservers func() []string // with ports
	metrics     *metrics
}

// ServeDNS answers one query.
func (s *server) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	began, asked := time.Now(), query.Question[0]
	name, tcp := strings.ToLower(asked.Name), isTCP(w)
	var system string
	var reply *dns.Msg
	switch {
	case asked.Qtype == dns.TypeANY:
		system, reply = "auth", new(dns.Msg)
		reply.SetRcode(query, dns.RcodeRefused)
		reply.RecursionDesired = false
	case asked.Qtype == dns.TypePTR && (dns.IsSubDomain("in-addr.arpa.", name) || dns.IsSubDomain("ip6.arpa.", name)):
		system, reply = "reverse", s.reverse(query, tcp)
	case !dns.IsSubDomain(s.domain, name):
		system, reply = "rec", s.forward(query, tcp)
	default:
		system, reply = "auth", s.answer(query, name)
		s.metrics.missed.Inc()
		fit(reply, query, tcp)
	}
	w.WriteMsg(reply)
	s.metrics.count(system, reply, time.Since(began), tcp)
}

// answer answers for the cluster's domain. An answer without an RA bit says that there is no such name.
func (s *server) answer(query *dns.Msg, name string) *dns.Msg {
	reply, asked := new(dns.Msg), query.Question[0]
	reply.SetReply(query)
	reply.Authoritative, reply.RecursionAvailable, reply.Compress = true, true, true
	found, known := s.records(name)
	switch asked.Qtype {
	case dns.TypeSOA:
		if name == s.domain {
			reply.Answer = []dns.RR{s.soa(lasting)}
			return reply
		}
	case dns.TypeCNAME:
		var entry record
		entry, known = s.entry(name)
		if known && net.ParseIP(entry.host) == nil {
			reply.Answer = append(reply.Answer, cname(asked.Name, entry.host))
		}
	case dns.TypeNS:
		known = name != s.domain
	case dns.TypeA, dns.TypeAAAA:
		reply.Answer = s.addresses(asked, found, nil)
	case dns.TypeSRV:
		reply.Answer, reply.Extra = s.services(asked.Name, found)
	}
	if !known {
		denied := new(dns.Msg)
		denied.SetRcode(query, dns.RcodeNameError)
		denied.Ns = []dns.RR{s.soa(negative)}
		return denied
	}
	if len(reply.Answer) == 0 {
		reply.Ns = []dns.RR{s.soa(negative)}
	}
	for _, answer := range reply.Answer {
		if len(reply.Answer) > 1 {
			answer.Header().Ttl = min(answer.Header().Ttl, ttl)
		}
	}
	return reply
}

// addresses returns the addresses of one family that a name has, over its aliases. An alias that leads to none is
// left out; one that leads outside is there where a name server says so, and without data if that says NXDOMAIN.
func (s *server) addresses(asked dns.Question, found []record, before []string) []dns.RR {
	answers := []dns.RR{}
	for _, one := range found {
		address := net.ParseIP(one.host)
		if address != nil {
			if answer := addressRecord(asked.Name, address, asked.Qtype); answer != nil {
				answers = append(answers, answer)
			}
			continue
		}
		target := strings.ToLower(dns.Fqdn(one.host))
		if len(before) >= longAlias {
			continue
		}
		next := dns.Question{Name: target, Qtype: asked.Qtype, Qclass: dns.ClassINET}
		if dns.IsSubDomain(s.domain, target) {
			behind, _ := s.records(target)
			if leads := s.addresses(next, behind, append(before, target)); len(leads) > 0 {
				answers = append(append(answers, cname(asked.Name, one.host)), leads...)
			}
		} else if leads, ok := s.lookUp(next); ok {
			answers = append(append(answers, cname(asked.Name, one.host)), leads...)
		}
	}
	if len(before) == 0 && len(answers) > 0 && answers[0].Header().Rrtype != dns.TypeCNAME {
		rand.Shuffle(len(answers), func(i, j int) { answers[i], answers[j] = answers[j], answers[i] })
	}
	return answers
}

// services returns the SRV records of a name, and the addresses of their targets. A name without a port has
// records, too: of port 0, with made-up targets.
func (s *server) services(name string, found []record) (answers, extra []dns.RR) {
	share := uint16(100 / max(len(found), 1))
	for _, one := range found {
		target := one.owner
		behind := []record{one}
		if net.ParseIP(one.host) == nil {
			target = dns.Fqdn(one.host)
			behind, _ = s.records(target)
		}
		answers = append(answers, &dns.SRV{
			Hdr: header(name, dns.TypeSRV), Priority: priority, Weight: share, Port: one.port, Target: target,
		})
		for _, rtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			asked := dns.Question{Name: target, Qtype: rtype, Qclass: dns.ClassINET}
			extra = append(extra, s.addresses(asked, behind, nil)...)
		}
	}
	return answers, dns.Dedup(extra, nil)
}

// reverse answers for the address of a Service or of an endpoint with a hostname. Any other is asked of the name
// servers, so a denial comes from outside, with the SOA record of a zone there.
func (s *server) reverse(query *dns.Msg, tcp bool) *dns.Msg {
	name, found := s.name(addressOf(query.Question[0].Name))
	if !found {
		return s.forward(query, tcp)
	}
	reply := new(dns.Msg)
	reply.SetReply(query)
	reply.RecursionAvailable, reply.Compress = true, true
	reply.Answer = []dns.RR{&dns.PTR{Hdr: header(query.Question[0].Name, dns.TypePTR), Ptr: name}}
	return reply
}

// forward returns a name server's answer as it is.
func (s *server) forward(query *dns.Msg, tcp bool) *dns.Msg {
	client := &dns.Client{Timeout: readTimeout}
	if tcp {
		client.Net = "tcp"
	}
	for _, server := range s.nameservers() {
		if reply, _, err := client.Exchange(query, server); err == nil {
			reply.Id, reply.Compress = query.Id, true
			return reply
		}
	}
	failed := new(dns.Msg)
	failed.SetRcode(query, dns.RcodeServerFailure)
	return failed
}

// lookUp returns what a name server has for the target of an alias; false unless it says NOERROR.
func (s *server) lookUp(asked dns.Question) ([]dns.RR, bool) {
	query := new(dns.Msg)
	query.SetQuestion(asked.Name, asked.Qtype)
	reply := s.forward(query, false)
	for _, answer := range reply.Answer {
		answer.Header().Ttl = negative
	}
	return reply.Answer, reply.Rcode == dns.RcodeSuccess
}

func (s *server) soa(ttl uint32) dns.RR {
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: s.domain, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:      "ns.dns." + s.domain,
		Mbox:    "hostmaster." + s.domain,
		Serial:  uint32(time.Now().Truncate(time.Hour).Unix()),
		Refresh: 28800,
		Retry:   7200,
		Expire:  604800,
		Minttl:  negative,
	}
}

func header(name string, rtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rtype, Class: dns.ClassINET, Ttl: ttl}
}

func cname(name, target string) dns.RR {
	return &dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: dns.Fqdn(target)}
}

// addressRecord returns nil for an address of another family.
func addressRecord(name string, address net.IP, rtype uint16) dns.RR {
	short := address.To4()
	switch {
	case short != nil && rtype == dns.TypeA:
		return &dns.A{Hdr: header(name, rtype), A: short}
	case short == nil && rtype == dns.TypeAAAA:
		return &dns.AAAA{Hdr: header(name, rtype), AAAA: address}
	}
	return nil
}

// addressOf returns the address whose name in in-addr.arpa or ip6.arpa this is; "" if it is none.
func addressOf(name string) string {
	labels := dns.SplitDomainName(strings.ToLower(name))
	count := len(labels) - 2
	if labels[count] == "in-addr" && count == net.IPv4len {
		return fmt.Sprintf("%s.%s.%s.%s", labels[3], labels[2], labels[1], labels[0])
	}
	if labels[count] != "ip6" || count != 2*net.IPv6len {
		return ""
	}
	text := ""
	for at := count - 1; at >= 0; at-- {
		text += labels[at]
		if at%4 == 0 && at > 0 {
			text += ":"
		}
	}
	return net.ParseIP(text).String()
}

// fit cuts an answer to what the client takes by UDP: additional records go first, and silently.
func fit(reply, query *dns.Msg, tcp bool) {
	size := dns.MinMsgSize
	if option := query.IsEdns0(); option != nil {
		size = max(size, int(option.UDPSize()))
	}
	if tcp {
		size = dns.MaxMsgSize
	}
	if reply.Len() <= size {
		return
	}
	reply.Extra = nil
	for all := reply.Answer; reply.Len() > size; {
		reply.Truncated = true
		all = all[:len(all)-1]
		reply.Answer = all
	}
}

func isTCP(w dns.ResponseWriter) bool {
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	return tcp
}
