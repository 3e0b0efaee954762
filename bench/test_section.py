import pytest

from section import put


def test_a_section_is_added_then_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nText.\n")
    put(page, "a", "one\n")
    put(page, "b", "two")
    put(page, "a", "three")
    sections = "<!-- a -->\n\nthree\n\n<!-- /a -->\n\n<!-- b -->\n\ntwo\n\n<!-- /b -->\n"
    assert page.read_text() == "# Title\n\nText.\n\n" + sections


def test_broken_markers_are_an_error(tmp_path):
    page = tmp_path / "page.md"
    for text in ("<!-- a -->", "<!-- /a --> <!-- a -->", "<!-- a --><!-- /a --><!-- a --><!-- /a -->"):
        page.write_text(text)
        with pytest.raises(ValueError, match="neither"):
            put(page, "a", "x")
        assert page.read_text() == text
