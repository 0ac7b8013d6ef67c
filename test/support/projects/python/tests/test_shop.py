import os
import unittest

from shop import total


class Totals(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(total([]), 0)

    def test_sum(self):
        self.assertEqual(total(["apple", "pear"]), 75)

    def test_release(self):
        """Fails on purpose where the build asks for it."""
        self.assertEqual(os.environ.get("BREAK", ""), "")
