"""Corefiles from the grammar, and spoiled ones: does CoreDNS start with exactly those that we take?

`python -m bench.corefiles [--count N] [--seed S] [--coredns PROGRAM]` writes N Corefiles, gives each to CoreDNS 1.13.1
as the lab builds it (`coredns -conf`, in a network namespace of its own, so that nothing else is touched) and to
`clusterdns.formats.coredns.load`. It prints JSON: how many were tried, how many CoreDNS took, how many could not be
compared and why, and every disagreement with its text; where both take one, the zones and ports must agree, too.
The exit code is 1 where there is a disagreement.
"""

import argparse
import json
import os
import random
import re
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from clusterdns.formats.coredns import load
from clusterdns.formats.words import CorefileError
from clusterdns.formats.zones import zone_name
from lab import build

VERSION = (1, 13, 1)
PROCESSES = 2
PATIENCE = 12.0  # seconds: `kubernetes` waits for 5 of them

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

# What a program's own world refuses, or what it says where that is not the Corefile's doing.
NOT_COMPARED = {
    "needs an API server": "unable to load in-cluster configuration|invalid configuration|notification controller",
    "needs an address or a port of the machine": "cannot assign requested address|address already in use|: listen ",
    "needs an interface of the machine": "not a valid IP address or interface name",
    "a plugin that the lab does not build": "no action found for directive",
    "a regular expression or a template": "(?i)regex|error parsing regexp|could not compile template|subexpression",
    "needs a file": "(?i)error opening|no such file|is a directory|not a directory",
    "a listener's host or port": "lookup |unknown port|invalid port|missing port|too many colons|no such host",
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
        places = self.word(
            ("127.0.0.1", "127.0.0.2", "127.0.0.1 127.0.0.2", "lo"), ("", "10.0.0.300.1.1.1.1.1")
        )
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


def coredns(program: str, path: Path) -> tuple[bool | None, str]:
    """Start CoreDNS; return whether it takes a Corefile, and what it says. None: it said neither in time."""
    process = subprocess.Popen(
        [program, "-conf", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**ENVIRONMENT, "PATH": os.environ.get("PATH", "")},
        cwd=path.parent,
    )
    assert process.stdout
    said, end, taken = b"", time.monotonic() + PATIENCE, None
    try:
        while time.monotonic() < end:
            if not select.select([process.stdout], [], [], end - time.monotonic())[0]:
                break
            piece = os.read(process.stdout.fileno(), 65536)
            said += piece
            if not piece or b"\nCoreDNS-" in said:
                taken = bool(piece)
                break
    finally:
        process.kill()
        process.communicate()
    return taken, said.decode("utf-8", "replace")


def work(seed: int, count: int, program: str) -> dict[str, object]:
    """Try Corefiles of one seed; return what was found."""
    writer = Writer(seed)
    tried: Counter[str] = Counter()
    wrong: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            file = Path(folder, name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        path = Path(folder, "Corefile")
        for _ in range(count):
            text = writer.corefile()
            path.write_text(text, encoding="utf-8")
            files = {str(Path(folder, name)): content for name, content in FILES.items()} | {str(path): text}
            zones, problem = _ours(files, str(path))
            ours = zones is not None
            theirs, said = coredns(program, path)
            last = said.strip().rpartition("\n")[2]
            reason = next((name for name, words in NOT_COMPARED.items() if re.search(words, said)), "")
            tried["tried"] += 1
            if theirs is None:
                tried["neither in time"] += 1
            elif theirs == ours:
                tried["taken by both" if ours else "refused by both"] += 1
                if zones is not None and zones != _printed(said):
                    wrong.append({"zones": f"{zones} / {_printed(said)}", "text": text})
            elif not theirs and reason:
                tried[f"not compared: {reason}"] += 1
            else:
                wrong.append(
                    {"ours": problem or "taken", "CoreDNS": "taken" if theirs else last, "text": text}
                )
    return {"counts": tried, "disagreements": wrong}


def _ours(files: Mapping[str, str], path: str) -> tuple[set[str] | None, str]:
    """Return the zones and ports that are served, or None and why the Corefile is refused."""
    try:
        listeners = load(files, path, variables=ENVIRONMENT, version=VERSION).listeners
    except CorefileError as error:
        return None, str(error)
    return {f"{zone}:{port}" for zone, port in listeners if not re.search(r"\s", zone)}, ""


def _printed(said: str) -> set[str]:
    """Return the zones and ports that CoreDNS prints before its version, e.g. ".:1053" or "a.:53 on 127.0.0.1"."""
    lines = said.partition("\nCoreDNS-")[0].splitlines()
    found = (re.fullmatch(r"(?:\w+://)?(\S+):(\d+)(?: on \S+)?", line) for line in lines)
    return {f"{zone_name(match[1])}:{match[2]}" for match in found if match}


def main() -> int:
    """Share the work between processes; print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coredns", default="")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.seed, options.count, options.coredns)))
        return 0
    program = options.coredns or str(
        build.build(lambda line: print(line, file=sys.stderr)).coredns / "coredns"
    )
    command = f'ip link set lo up && exec "{sys.executable}" -m bench.corefiles --worker "$@"'
    workers = [
        subprocess.Popen(
            ["unshare", "--net", "sh", "-c", command, "sh", "--coredns", program]
            + ["--seed", str(options.seed * 1000 + index), "--count", str(options.count // PROCESSES)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(PROCESSES)
    ]
    results = [json.loads(worker.communicate()[0]) for worker in workers]
    counts = sum((Counter(result["counts"]) for result in results), Counter())
    wrong = [one for result in results for one in result["disagreements"]]
    print(
        json.dumps(
            {"counts": counts, "disagreements": len(wrong), "each": wrong}, indent=2, ensure_ascii=False
        )
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
