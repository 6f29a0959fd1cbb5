import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.formats.corefile import ServerBlock, UnseenFileError, parse
from clusterdns.formats.words import CorefileError, is_known, readable

MAIN = "/etc/coredns/Corefile"


def blocks(
    text: str, files: dict[str, str] | None = None, **variables: str | None
) -> tuple[ServerBlock, ...]:
    return parse({MAIN: text, **(files or {})}, MAIN, variables)


def told(block: ServerBlock) -> dict[str, list[str]]:
    """The words of each directive."""
    return {name: [word.text for word in words] for name, words in block.directives.items()}


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
    assert told(one) == {
        "errors": ["errors"],
        "cache": ["cache", "{", "success", "9984", "30", "}"],
        "template": [
            *("template", "IN", "A", "{", "match", "(?P<a>.*) b"),
            *("answer", "{{ .Name }} 60 IN A 10.0.0.1", "}"),
        ],
    }
    assert two.keys == (".",)
    assert (one.directives["errors"][0].where.line, one.directives["errors"][0].where.column) == (5, 13)


def test_lines_of_a_directive_are_kept_in_a_row() -> None:
    (one,) = blocks(".:53 {\n forward . 10.0.0.1\n errors\n forward a 10.0.0.2\n}")
    assert told(one)["forward"] == ["forward", ".", "10.0.0.1", "forward", "a", "10.0.0.2"]


def test_one_server_needs_no_braces() -> None:
    (one,) = blocks(".:53\nerrors\nforward . 10.0.0.1 {\n force_tcp\n}\n")
    assert told(one) == {"errors": ["errors"], "forward": ["forward", ".", "10.0.0.1", "{", "force_tcp", "}"]}


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
    forward = ["forward", ".", "10.0.0.1", "{", "force_tcp", "max_age", "5s", "expire", "1s", "}"]
    assert [(block.keys, told(block)) for block in found] == [
        ((".:53",), {"log": ["log"], "forward": forward, "reload": ["reload"]}),
        (("a.example",), {"forward": forward}),
        (("b.example",), {"errors": ["errors"]}),
    ]
    assert found[0].directives["forward"][0].where.file == "/etc/coredns/tcp.conf"


def test_words_may_be_quoted_and_hold_variables() -> None:
    (one,) = blocks('{$ZONE}:53 {\n file "a \\"b\\" \\n\n#c" {%NAME%}x{$NONE} d\n}', ZONE="example", NAME="n")
    assert one.keys == ("example:53",)
    assert told(one) == {"file": ["file", 'a "b" \\n\n#c', "nx", "d"]}


def test_a_comment_that_begins_in_a_word_ends_with_it() -> None:
    """As in Caddy's lexer, which forgets that it is in a comment when it returns the word."""
    (one,) = blocks(".:53 {\n errors #all of this\n forward . 10.0.0.1#rest force_tcp\n}")
    assert told(one) == {"errors": ["errors"], "forward": ["forward", ".", "10.0.0.1", "force_tcp"]}


def test_what_is_not_known_of_a_variable_is_marked() -> None:
    (one,) = blocks(".:53 {\n forward . {$UPSTREAM}:53\n}", UPSTREAM=None)
    word = one.directives["forward"][2].text
    assert not is_known(word)
    assert readable(word) == "$UPSTREAM:53"


def test_what_cannot_be_seen_is_no_fault_of_the_file() -> None:
    for text in (".:53 {\n import secret/a.conf\n}", ".:53 {\n import secret/*.conf\n}"):
        with pytest.raises(UnseenFileError, match="cannot be seen"):
            parse({MAIN: text}, MAIN, unseen=["/etc/coredns/secret/"])
    with pytest.raises(UnseenFileError, match="not known"):
        blocks(".:53 {\n import {$FILE}\n}", FILE=None)


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (".:53 {\n errors\n", (2, 2), "the file ends inside a block: '}' is missing"),
        (".:53 {\n forward . x {\n force_tcp\n}\n errors", (5, 2), "'}' is missing"),
        (".:53 {\n errors }\n", (2, 9), "it must stand on a line of its own"),
        ("a, {\n}", (1, 4), "another zone must follow the comma"),
        ("a,", (1, 1), "another zone must follow"),
        (".:53 {\n import\n}", (2, 2), "import needs"),
        (".:53 {\n import a b\n}", (2, 11), "import takes one argument"),
        (".:53 {\n import gone.conf\n}", (2, 9), "no snippet and no file gone.conf"),
        (".:53 {\n import */*.conf\n}", (2, 9), "more than one wildcard"),
        ("(a) {\n errors\n", (2, 2), "inside snippet (a)"),
        ("(a) {\n}\n(a) {\n}", (3, 5), "is there twice"),
        ("import Corefile", (1, 8), "go in circles"),
        ("(a) {\n import a\n}\nimport a", (2, 2), "go in circles"),
        (".:53 {\n errors {$A}\n}", (2, 9), "name each other in circles"),
    ],
)
def test_what_coredns_refuses_is_told_with_line_and_column(
    text: str, where: tuple[int, int], message: str
) -> None:
    with pytest.raises(CorefileError) as caught:
        blocks(text, A="{$A}")
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
QUOTED = st.text(st.characters(codec="ascii", exclude_characters="\\$%{}"), min_size=1).filter(
    lambda w: w not in ("{", "}", "import")
)
LINES = st.lists(st.tuples(WORD, st.lists(QUOTED, max_size=3)), max_size=3, unique_by=lambda line: line[0])


def written(lines: list[tuple[str, list[str]]]) -> str:
    """Write lines with every argument quoted."""
    text = ""
    for name, arguments in lines:
        quoted = "".join(" " + '"' + word.replace('"', '\\"') + '"' for word in arguments)
        text += f"  {name}{quoted}\n"
    return text


@given(st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=3), LINES), max_size=3))
def test_what_is_written_is_read_again(servers: list[tuple[list[str], list[tuple[str, list[str]]]]]) -> None:
    text = "".join(f"{' '.join(keys)} {{\n{written(lines)}}}\n" for keys, lines in servers)
    found = [(list(block.keys), told(block)) for block in blocks(text)]
    assert found == [
        (keys, {name: [name, *arguments] for name, arguments in lines}) for keys, lines in servers
    ]


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
