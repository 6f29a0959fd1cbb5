import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.formats.corefile import CorefileError, Line, ServerBlock, parse

MAIN = "/etc/coredns/Corefile"


def blocks(text: str, files: dict[str, str] | None = None, **variables: str) -> tuple[ServerBlock, ...]:
    return parse({MAIN: text, **(files or {})}, MAIN, variables)


def shape(lines: tuple[Line, ...]) -> list[object]:
    """The lines without their positions."""
    return [(line.name, *line.arguments, *([shape(line.block)] if line.block else [])) for line in lines]


def test_server_blocks_have_keys_directives_and_nested_blocks() -> None:
    (one, two) = blocks(
        """
        # a comment { force_tcp }
        cluster.local:53 in-addr.arpa,
        ip6.arpa {
            errors # force_tcp
            cache {
                success 9984 30
            }
            template IN A {
                match "(?P<a>.*) b"
                answer "{{ .Name }} 60 IN A 10.0.0.1"
            }
        }
        . { whoami
        }
        """
    )
    assert one.keys == ("cluster.local:53", "in-addr.arpa", "ip6.arpa")
    assert shape(one.directives) == [
        ("errors",),
        ("cache", [("success", "9984", "30")]),
        ("template", "IN", "A", [("match", "(?P<a>.*) b"), ("answer", "{{ .Name }} 60 IN A 10.0.0.1")]),
    ]
    assert two.keys == (".",)
    assert (one.directives[0].where.line, one.directives[0].where.column) == (5, 13)


def test_one_server_needs_no_braces() -> None:
    (one,) = blocks(".:53\nerrors\nforward . 10.0.0.1 {\n force_tcp\n}\n")
    assert shape(one.directives) == [("errors",), ("forward", ".", "10.0.0.1", [("force_tcp",)])]


def test_a_brace_too_many_at_the_end_is_taken_as_coredns_takes_it() -> None:
    assert [block.keys for block in blocks(".:53 {\n errors\n}\n}\n")] == [(".:53",), ("}",)]


def test_snippets_files_and_patterns_are_imported_where_they_are_named() -> None:
    files = {
        "/etc/coredns/custom/a.server": "a.example {\n import ../tcp.conf\n}",
        "/etc/coredns/custom/b.server": "b.example {\n errors\n}",
        "/etc/coredns/custom/c.override": "log",
        "/etc/coredns/tcp.conf": "forward . 10.0.0.1 {\n  import pool\n  expire 1s\n}",
    }
    found = blocks(
        "(pool) {\n force_tcp\n max_age 5s\n}\n"
        ".:53 {\n import custom/*.override\n import /etc/coredns/tcp.conf\n import none/*.conf\n reload\n}\n"
        "import custom/*.server\n",
        files,
    )
    forward = ("forward", ".", "10.0.0.1", [("force_tcp",), ("max_age", "5s"), ("expire", "1s")])
    assert [(block.keys, shape(block.directives)) for block in found] == [
        ((".:53",), [("log",), forward, ("reload",)]),
        (("a.example",), [forward]),
        (("b.example",), [("errors",)]),
    ]
    assert found[0].directives[1].where.file == "/etc/coredns/tcp.conf"


def test_words_may_be_quoted_and_hold_variables() -> None:
    (one,) = blocks(
        '{$ZONE}:53 {\n file "a \\"b\\" \\n\n#c" {%NAME%}x{$NONE} d#e\n}', ZONE="example", NAME="n"
    )
    assert one.keys == ("example:53",)
    assert shape(one.directives) == [("file", 'a "b" \\n\n#c', "nx", "d")]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (".:53 {\n errors\n", (2, 2), "the file ends inside a block: '}' is missing"),
        (".:53 {\n forward . x {\n force_tcp\n}\n", (4, 1), "'}' is missing"),
        (".:53 {\n errors }\n", (2, 9), "'}' must stand on a line of its own"),
        ("a, {\n}", (1, 4), "another zone must follow the comma"),
        ("a,", (1, 1), "another zone must follow"),
        (".:53 {\n {\n}\n}", (2, 2), "opens nothing"),
        (".:53 {\n import\n}", (2, 2), "import needs"),
        (".:53 {\n import a b\n}", (2, 11), "import takes one argument"),
        (".:53 {\n import gone.conf\n}", (2, 9), "no snippet and no file gone.conf"),
        (".:53 {\n import */*.conf\n}", (2, 9), "more than one wildcard"),
        ("(a) {\n errors\n", (2, 2), "inside snippet (a)"),
        ("(a) {\n}\n(a) {\n}", (3, 5), "is there twice"),
        ('.:53 {\n file "a\n}', (2, 7), "inside quotes"),
        ("import Corefile", (1, 8), "go in circles"),
        ("(a) {\n import a\n}\nimport a", (2, 9), "go in circles"),
    ],
)
def test_what_coredns_refuses_is_told_with_line_and_column(
    text: str, where: tuple[int, int], message: str
) -> None:
    with pytest.raises(CorefileError) as caught:
        blocks(text)
    assert message in caught.value.problem
    assert (caught.value.line, caught.value.column) == where
    assert str(caught.value).startswith(f"{MAIN}:{where[0]}:{where[1]}: ")


def test_an_error_in_an_imported_file_names_that_file() -> None:
    with pytest.raises(CorefileError) as caught:
        blocks(".:53 {\n import a.conf\n}", {"/etc/coredns/a.conf": "forward . x\nerrors }"})
    assert (caught.value.file, caught.value.line, caught.value.column) == ("/etc/coredns/a.conf", 2, 8)


WORD = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1).filter(
    lambda w: w != "import"
)
QUOTED = st.text(st.characters(codec="ascii", exclude_characters="\\$%{}\r"), min_size=1).filter(
    lambda w: w not in ("{", "}")
)


def lines(depth: int) -> st.SearchStrategy[list[object]]:
    inner = st.just([]) if depth == 0 else st.one_of(st.just([]), lines(depth - 1))
    return st.lists(st.tuples(WORD, st.lists(QUOTED, max_size=3), inner), max_size=3).map(list)


def written(one: object, indent: str = "") -> str:
    """Write a Corefile the long way: every argument quoted."""
    assert isinstance(one, list)
    text = ""
    for name, arguments, block in one:
        quoted = "".join(" " + '"' + word.replace('"', '\\"') + '"' for word in arguments)
        text += f"{indent}{name}{quoted}"
        text += f" {{\n{written(block, indent + '  ')}{indent}}}\n" if block else "\n"
    return text


def tree(lines_: tuple[Line, ...]) -> list[object]:
    return [(line.name, list(line.arguments), tree(line.block)) for line in lines_]


@given(st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=3), lines(2)), max_size=3))
def test_what_is_written_is_read_again(servers: list[tuple[list[str], list[object]]]) -> None:
    text = "".join(f"{' '.join(keys)} {{\n{written(body, '  ')}}}\n" for keys, body in servers)
    assert [(list(block.keys), tree(block.directives)) for block in blocks(text)] == servers


@given(
    st.text(st.sampled_from('{} \n\r"\\#,()*import$a%.\ufeff'), max_size=60),
    st.dictionaries(
        st.sampled_from(["/etc/coredns/a", "/etc/coredns/*"]), st.text("{}\n a import()", max_size=30)
    ),
)
def test_any_text_is_read_or_refused(text: str, files: dict[str, str]) -> None:
    place = (1, 1)
    found: tuple[ServerBlock, ...] = ()
    try:
        found = blocks(text, files)
    except CorefileError as error:
        place = (error.line, error.column)
    assert min(place) >= 1
    assert all(block.keys for block in found)
