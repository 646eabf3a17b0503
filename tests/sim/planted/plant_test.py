#!/usr/bin/env python3
"""What plant.py writes, and which mistakes it refuses."""
import unittest

import plant

BUG = {"bug": "kBug", "says": "It is wrong.", "file": "a.cc", "find": "x < 1", "put": "true"}
ON = "::onehop::core::planted(::onehop::core::Planted::kBug)"


def planted(text, **keys):
    return plant.plant(text, [{**BUG, **keys}], "a.cc").split("\n", 2)[2]


class Plant(unittest.TestCase):
    def test_an_expression_becomes_a_choice(self):
        self.assertEqual(planted("if (x < 1) f();\n"), f"if (({ON} ? (true) : (x < 1))) f();\n")

    def test_statements_are_added_or_replaced(self):
        self.assertEqual(planted("f();", find="f();", put="g();", **{"as": "before"}), f"if ({ON}) {{ g(); }} f();")
        self.assertEqual(planted("f();", find="f();", put="g();", **{"as": "after"}), f"f(); if ({ON}) {{ g(); }}")
        self.assertEqual(planted("f();", find="f();", put="g();", **{"as": "instead"}),
                         f"if ({ON}) {{ g(); }} else {{ f(); }}")

    def test_a_text_that_stands_twice_is_told_apart_by_what_is_around_it(self):
        text = "a(x < 1);\nb(x < 1);\n"
        self.assertEqual(planted(text, **{"in": ");\\nb(x < 1)"}), f"a(x < 1);\nb(({ON} ? (true) : (x < 1)));\n")
        with self.assertRaisesRegex(plant.Mistake, "kBug: a.cc has 2 times, not once: x < 1"):
            planted(text)

    def test_a_text_that_is_gone_is_a_mistake(self):
        with self.assertRaisesRegex(plant.Mistake, "has 0 times"):
            planted("if (x < 2) f();\n")

    def test_several_bugs_of_a_file_stand_beside_each_other(self):
        bugs = [{**BUG, "find": "f();", "put": "g();", "as": "before"}, {**BUG, "find": "f();", "put": "h();", "as": "after"}]
        text = plant.plant("f();", bugs, "a.cc").split("\n", 2)[2]
        self.assertEqual(text, f"if ({ON}) {{ g(); }} f(); if ({ON}) {{ h(); }}")

    def test_a_file_without_bugs_is_copied(self):
        self.assertEqual(plant.plant("f();\n", [], "a.cc"), "f();\n")

    def test_each_bug_says_once_what_it_is(self):
        text = "# A comment.\nbug: kA\nsays: A.\nfile: a.cc\nfind: a\nput: b\n\nbug: kA\nfile: b.cc\nfind: c\nput: d\n"
        bugs = plant.read_bugs(text)
        self.assertEqual(len(bugs), 2)
        self.assertEqual(plant.names_of(bugs), {"kA": "A."})
        with self.assertRaisesRegex(plant.Mistake, "does not say"):
            plant.names_of(bugs[1:])
        with self.assertRaisesRegex(plant.Mistake, "twice"):
            plant.names_of([bugs[0], bugs[0]])

    def test_an_entry_with_a_wrong_or_missing_key_is_a_mistake(self):
        for text in ("bug: kA\nsays: A.\nfile: a.cc\nfind: a\n", "bug: kA\nfile: a\nfind: a\nput: b\nlike: c\n"):
            with self.assertRaises(plant.Mistake):
                plant.read_bugs(text)


if __name__ == "__main__":
    unittest.main()
