import pytest

from clusterdns.printable import printable_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web.shop ä 日本", "web.shop ä 日本"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nclusterdns: all is well", r"a\nclusterdns: all is well"),
        ("a\tb\rc\x85d", r"a\tb\rc\x85d"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("a\u2028b\u200dc", r"a\u2028b\u200dc"),
        ("a\udcffb\U000e0001", r"a\udcffb\U000e0001"),
    ],
)
def test_what_is_not_plainly_visible_is_escaped(text: str, shown: str) -> None:
    assert printable_line(text) == shown
    assert printable_line(text).isprintable()
