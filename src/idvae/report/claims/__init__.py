"""Claims of a paper, written down before they are tested, and what runs say of them."""
