"""packaging/reference/make.py finds what is not described, takes plain comments for what they say, and writes it down.

    reference_test.py     needs doxygen; ./dev check runs it
"""

import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "packaging", "reference"))
import make  # noqa: E402

GOOD = r"""// Boxes: what is in them, <b>, @author, \todo, #1, 50 % & "more" ~ no | none.
#pragma once

namespace made_up {

// A box. Its name has none of " ' \ ` * > # + ? , and does not begin with $ or ~.
class Box {
 public:
  // How it is opened: `open(<how>)`.
  void open(int how);
  void close();

  // What lies in it.
  struct Content {
    int weight_grams = 0;  // Without the box: <kg> * 1000.
    int pieces = 0;
    enum class Kind { kSoft, kHard };
  };
};

}  // namespace made_up
"""


class Reference(unittest.TestCase):
    def made(self, header):
        """What is wrong with the header, and the text of all pages."""
        with tempfile.TemporaryDirectory() as work:
            headers, pages = os.path.join(work, "include"), os.path.join(work, "pages")
            os.makedirs(headers)
            with open(os.path.join(headers, "box.h"), "w", encoding="utf-8") as file:
                file.write(header)
            wrong = make.warnings_of(pages, [headers])
            text = ""
            for name in os.listdir(pages):
                if name.endswith(".html"):
                    with open(os.path.join(pages, name), encoding="utf-8") as file:
                        text += file.read()
            return wrong, text

    def finds(self, header, *parts):
        wrong, _ = self.made(header)
        self.assertEqual(len(wrong), 1, wrong)
        for part in parts:
            self.assertIn(part, wrong[0])

    def test_plain_comments_are_written_down_as_they_are(self):
        wrong, text = self.made(GOOD)
        self.assertEqual(wrong, [])
        for part in ("&lt;b&gt;, @author, \\todo, #1, 50 % &amp; &quot;more&quot; ~ no | none.",
                     "<code>open(&lt;how&gt;)</code>", "Without the box: &lt;kg&gt; * 1000."):
            self.assertIn(part, text)

    def test_what_is_not_described_is_found_with_its_line(self):
        self.finds(GOOD.replace("// A box. Its", "//\n// A box. Its").replace("  // How it is opened: `open(<how>)`.\n", ""), "box.h:10:", "open")
        self.finds(GOOD.replace("  void close();", "\n  void close();"), "box.h:12:", "close")
        self.finds(GOOD.replace("  // What lies in it.\n", ""), "box.h:13:", "Box::Content")

    def test_the_headers_of_the_project_are_all_there(self):
        for folder in make.HEADERS:
            self.assertTrue(os.path.isdir(os.path.join(ROOT, folder)), folder)
        found = {os.path.relpath(where, ROOT).removesuffix("/onehop") for where, _, names in os.walk(ROOT)
                 if where.endswith("include/onehop") and "/build/" not in where}
        self.assertEqual(found, set(make.HEADERS))


if __name__ == "__main__":
    unittest.main()
