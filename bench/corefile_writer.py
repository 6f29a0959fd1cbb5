"""Corefiles at random: from the grammar of the plugins that a cluster's DNS uses, and spoiled.

One line is an example of one thing that CoreDNS takes or refuses, so lines are long.
"""

# ruff: noqa: D102, E501

import random
import re
from collections.abc import Mapping, Sequence

ENVIRONMENT: Mapping[str, str] = {
    "UPSTREAM": "10.0.0.1",
    "SEVERAL": "10.0.0.1 10.0.0.2",
    "NOTHING": "",
    "PLUGIN": "whoami",
    "BRACE": "{",
    "SECONDS": "5s",
}
FILES: Mapping[str, str] = {
    "tcp.conf": "forward . 10.0.0.1 {\n  import pool.conf\n  expire 1s\n}\n",
    "pool.conf": "force_tcp\n",
    "custom/a.server": "a.example:1053 {\n  whoami\n}\n",
    "custom/b.server": "b.example:1053 {\n  import ../tcp.conf\n}\n",
    "custom/log.override": "log\n",
}

ZONES = (
    ".",
    "cluster.local",
    "example.org",
    "in-addr.arpa",
    "ip6.arpa",
    "10.0.0.0/8",
    "Example.COM.",
    "a.b.c",
)
PORTS = (":1053", ":1053", ":1054", "", ":53")
KUBERNETES = "endpoint http://127.0.0.1:8001\n    startup_timeout 1ms\n"
UPSTREAMS = (
    "10.0.0.1", "10.0.0.2:53", "[fd00::1]:53", "fd00::2", "tls://10.0.0.3", "/etc/resolv.conf", "{$UPSTREAM}",
    "{%UPSTREAM%}", "dns://10.0.0.4",
)  # fmt: skip
NO_UPSTREAMS = (
    "{$SEVERAL}",
    "{$NOTHING}",
    "dns.example.org",
    "10.0.0.1.2",
    "https://10.0.0.5",
    "/etc/resolv.conf:53",
)
WRONG = 0.03  # of all places
NUMBERS = ("1", "30", "1000", "3600", "+5", "512")
NO_NUMBERS = ("0", "-1", "x", "1.5", "99999999999999999999", "3601", "{$NOTHING}")
DURATIONS = ("5s", "10s", "1m30s", "2.5s", "{$SECONDS}")
NO_DURATIONS = ("0", "-1s", "5", ".5s", "ms", "1d", "2562048h", "1s1", "1h0.5m")
WORDS = (
    "{", "}", "import", "force_tcp", "#x", "1s", "-1", '"', '""', "import tcp.conf", "(snip)", ",", "{$BRACE}", ".",
    "53", "whoami", "errors {", "\\", "\u00e9", "\n}\n", "\n{\n", "a#b c", "except",
)  # fmt: skip


class Writer:
    """Writes Corefiles at random."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret

    def corefile(self) -> str:
        """Return a Corefile: most are right before they are spoiled, and half are not spoiled."""
        text = ""
        if self.chance(0.15):
            text += "(snip) {\n  errors\n  cache 30\n}\n"
        blocks = self.random.choices((1, 2, 3), (6, 3, 1))[0]
        text += "".join(self.block(snippet=text.startswith("(snip)")) for _ in range(blocks))
        if self.chance(0.15):
            text += self.pick(
                "import custom/*.server\n", "import none/*.server\n", "import custom/a.server\n"
            )
        for _ in range(self.random.choices((0, 1, 2), (5, 4, 1))[0]):
            text = self.spoiled(text)
        return text

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def block(self, *, snippet: bool) -> str:
        keys = " ".join(
            self.pick("", "", "", "dns://")
            + self.word(ZONES, ("a..b", "a:", "10.0.0.0/33"))
            + self.pick(*PORTS)
            for _ in range(self.random.choices((1, 2, 3), (7, 2, 1))[0])
        )
        makers = self.random.sample(
            [
                self.errors, self.log, self.health, self.ready, self.prometheus, self.forward, self.cache, self.loop,
                self.reload, self.loadbalance, self.kubernetes, self.hosts, self.template, self.rewrite, self.bind,
                self.simple, self.acl, self.header, self.erratic, self.imported,
            ],
            self.random.randint(1, 6),
        )  # fmt: skip
        lines = [maker() for maker in makers]
        if snippet and self.chance(0.7):
            lines.insert(0, "import snip")
        if self.chance(0.2):
            lines.append(self.forward())
        body = "".join(f"  {line}\n" for line in lines)
        return f"{keys} {{\n{body}}}\n" if self.chance(0.95) else f"{keys}\n{body}"

    def word(self, right: Sequence[str], wrong: Sequence[str]) -> str:
        """Return one of the words that a plugin takes, seldom one that it may not."""
        return self.random.choice(wrong if wrong and self.chance(WRONG) else right)

    def number(self) -> str:
        return self.word(NUMBERS, NO_NUMBERS)

    def duration(self) -> str:
        return self.word(DURATIONS, NO_DURATIONS)

    def options(self, right: Sequence[str], wrong: Sequence[str] = ("other",), most: int = 3) -> str:
        """Return a block of some options, or none."""
        chosen = self.random.sample(right, self.random.randint(0, min(most, len(right))))
        chosen += [self.random.choice(wrong)] if self.chance(WRONG) else []
        return " {\n" + "".join(f"    {option}\n" for option in chosen) + "  }" if chosen else ""

    def errors(self) -> str:
        consolidate = f'consolidate {self.duration()} ".*" {self.word(("", "info", "warning"), ("x", "x y"))}'
        return f"errors {self.word(('', 'stdout'), ('x', 'a b'))}" + self.options(["stacktrace", consolidate])

    def log(self) -> str:
        classes = f"class {self.word(('all', 'error denial', 'success'), ('x', ''))}"
        return f"log {self.pick('', '.', 'example.org', 'a b', 'a {combined}')}" + self.options([classes])

    def health(self) -> str:
        lameduck = f"lameduck {self.duration()}"
        return f"health {self.word(('', ':8080', '127.0.0.1:8081'), ('x', '8080'))}" + self.options(
            [lameduck]
        )

    def ready(self) -> str:
        monitor = f"monitor {self.word(('until-ready', 'continuously'), ('x', ''))}"
        return f"ready {self.word(('', ':8181'), ('8181', 'a b'))}" + self.options([monitor, "other"])

    def prometheus(self) -> str:
        return f"prometheus {self.word(('', ':9153', 'localhost:9153'), ('9153', ':9153 x', ':9153 {'))}"

    def forward(self) -> str:
        count = self.random.choices((1, 2, 15, 16, 0), (80, 15, 2, 2, 1))[0]
        upstreams = " ".join(self.word(UPSTREAMS, NO_UPSTREAMS) for _ in range(count))
        return f"forward {self.word(('.', 'example.org', '10.0.0.0/9'), ('', 'a..b'))} {upstreams}" + self.options(
            [
                "force_tcp", "prefer_udp", f"expire {self.duration()}", f"max_fails {self.number()}",
                f"max_concurrent {self.number()}", f"policy {self.word(('random', 'sequential'), ('x', ''))}",
                f"health_check {self.duration()} {self.word(('', 'no_rec', 'domain x.'), ('x', 'domain'))}",
                "except a.b c.d", "tls", "tls_servername x", "next NXDOMAIN", "failover SERVFAIL refused",
                "failfast_all_unhealthy_upstreams",
            ],
            ["max_age 10s", "max_idle_conns 5", "force_tcp on", "force-tcp", "upstream", "failover x", "except"],
        )  # fmt: skip

    def cache(self) -> str:
        return f"cache {self.word(('', '30', '30 .', 'example.org'), ('0', '-1'))}" + self.options(
            [
                f"success {self.number()} {self.number()}", f"denial {self.number()}", "disable denial", "keepttl",
                f"prefetch {self.number()} {self.duration()} {self.word(('10%', '', '90%'), ('5%', '10', '%'))}",
                f"serve_stale {self.duration()} {self.word(('', 'verify', 'Immediate'), ('x',))}",
                f"servfail {self.duration()}",
            ],
            ["disable x", "keepttl x", "other", "success", "servfail 6m"],
        )  # fmt: skip

    def kubernetes(self) -> str:
        more = self.options(
            [
                f"pods {self.word(('insecure', 'verified'), ('x', ''))}", f"ttl {self.number()}", "noendpoints",
                "fallthrough in-addr.arpa ip6.arpa", "namespaces a b", "ignore empty_service", "endpoint_pod_names",
                "multicluster cluster.local",
            ],
            ["upstream", "resyncperiod 5m", "ignore x", "multicluster x.example", "namespaces", "labels"],
        )  # fmt: skip
        inner = more.partition("{\n")[2].rpartition("  }")[0]
        zones = self.word(("cluster.local in-addr.arpa ip6.arpa", "cluster.local"), ("in-addr.arpa", ""))
        return f"kubernetes {zones} {{\n    {KUBERNETES}{inner}  }}"

    def hosts(self) -> str:
        return f"hosts {self.pick('', '/etc/hosts', '/etc/hosts example.org')}" + self.options(
            [
                "10.0.0.1 a.example",
                "fallthrough",
                f"ttl {self.number()}",
                "no_reverse",
                f"reload {self.duration()}",
            ],
            ["other words", "reload", "ttl"],
        )

    def template(self) -> str:
        kinds = f"{self.word(('IN', 'ANY'), ('X', 'in'))} {self.word(('A', 'ANY', 'HTTPS'), ('x', 'a', 'TYPE65'))}"
        return f"template {kinds} {self.pick('', 'a.b')}" + self.options(
            ['match ".*"', 'answer "{{ .Name }} 60 IN A 10.0.0.1"', f"rcode {self.word(('NXDOMAIN',), ('x', ''))}",
             "fallthrough", "ederror 21 blocked", "upstream"],
            ["ederror 99999", "ederror", "match", "x"],
        )  # fmt: skip

    def rewrite(self) -> str:
        return "rewrite " + self.word(
            ("name a.example b.example", "stop name exact a.example b.example answer auto", "name suffix .a. .b.",
             "class IN CH", "type A AAAA", "ttl example.org 30-60", "rcode example.org SERVFAIL NXDOMAIN",
             "cname exact a b", "edns0 nsid set", "continue type a aaaa"),
            ("type A", "continue", "ttl example.org 60-30", "x a b", "name a", "name x a b", "rcode a b", "", "class in x"),
        )  # fmt: skip

    def bind(self) -> str:
        places = self.word(("127.0.0.1", "127.0.0.2", "127.0.0.1 127.0.0.2"), ("", "10.0.0.300.1.1.1.1.1"))
        return f"bind {places}" + self.options(["except 127.0.0.2"], ["other", "except"])

    def simple(self) -> str:
        return self.word(
            (
                "whoami",
                "debug",
                "any",
                "minimal",
                "chaos",
                "chaos a b",
                "bufsize",
                "bufsize 512",
                "root /etc",
                "{$PLUGIN}",
            ),
            (
                "whoami x",
                "debug x",
                "minimal x",
                "bufsize 511",
                "bufsize x",
                "root",
                "proxy . 10.0.0.1",
                "unknown",
            ),
        )

    def acl(self) -> str:
        return "acl" + self.options(
            [
                "allow net 10.0.0.0/8",
                "block type ANY net *",
                "drop",
                "block net 10.0.0.1",
                "Filter net fd00::/8",
            ],
            ["filter type X", "x", "allow net", "block 10.0.0.1"],
        )

    def header(self) -> str:
        rules = self.word(
            ("response set ra", "query clear rd aa"), ("response set", "response x ra", "set aa")
        )
        return f"header {{\n    {rules}\n  }}" if not self.chance(WRONG) else "header"

    def erratic(self) -> str:
        return "erratic" + self.options(
            ["drop 3", "delay 1 5ms", "truncate", "large"], ["drop x", "other", "drop 1 2"]
        )

    def loop(self) -> str:
        return self.word(("loop",), ("loop x", "loop\n  loop"))

    def reload(self) -> str:
        return f"reload {self.word(('', '5s', '10s 5s'), ('1s', '5s x', '5s 5s 5s', '2s 0s'))}"

    def loadbalance(self) -> str:
        policy = self.word(("", "round_robin"), ("x", "round_robin x", "weighted"))
        return f"loadbalance {policy}" + self.options(["prefer 10.0.0.0/8"], ["x", "prefer 10.0.0.1"])

    def imported(self) -> str:
        return self.word(
            ("import custom/*.override", "import none/*.conf"),
            ("import nowhere.conf", "import", "import a b"),
        )

    def spoiled(self, text: str) -> str:
        """Return a text with one thing changed."""
        parts = re.findall(r"\s+|\S+", text)
        if not parts:
            return text
        place = self.random.randrange(len(parts))
        match self.random.randrange(7):
            case 0:
                del parts[place]
            case 1:
                parts.insert(place, parts[self.random.randrange(len(parts))])
            case 2:
                parts[place] = self.pick(*WORDS)
            case 3:
                parts.insert(place, f" {self.pick(*WORDS)} ")
            case 4:
                lines = text.splitlines(keepends=True)
                lines.insert(self.random.randrange(len(lines)), self.random.choice(lines))
                return "".join(lines)
            case 5:
                cut = self.random.randrange(len(text))
                return text[:cut] + text[cut + 1 :]
            case _:
                parts[place] = (
                    parts[place].replace("\n", " ") if parts[place].isspace() else f'"{parts[place]}"'
                )
        return "".join(parts)
