"""A file with a function in it, and nothing else."""


def test_the_page_is_there(site):
    """The function knows the site's name: what was asked for came through every hop."""
    assert site.get("/").text == f"Hello from {site.host}\n"


def test_a_broken_release_is_refused(refused):
    """It cannot be compiled."""
    why = refused({"hello.py": lambda text: text + "\n)\n"})
    assert "SyntaxError" in why
