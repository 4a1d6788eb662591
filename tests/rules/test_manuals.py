import pytest

from archlint.testing import check_example, manual_examples
from archlint_rules import archlint_rules


@pytest.mark.parametrize("example", manual_examples(archlint_rules()), ids=str)
def test_the_examples_of_a_manual_do_what_it_says(example):
    check_example(example)
