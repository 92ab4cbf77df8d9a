"""docs/federation/sip-mapping.md: every row of the mapping has a test that exists, or a reason why not."""
import csv
import importlib
import os
import re
import unittest

TOP = os.path.join(os.path.dirname(__file__), "..", "..")
PAGE = os.path.join(TOP, "docs", "federation", "sip-mapping.md")
ROWS = os.path.join(TOP, "tests", "data", "sip-xmpp-rows.tsv")
SOURCES = ("lib", "federation", "gateway", "core", "sip-xmpp")
ROOMS = re.compile(r"MUC-|DLY-06$|BUG-06$")
BINDING = "MS"


def rows_of_mapping():
    """{id: class}"""
    with open(ROWS, encoding="utf-8") as f:
        return dict(csv.reader((line for line in f if not line.startswith("#")), delimiter="\t"))


def lines_of_page():
    """[(id, class, meaning, proof)]"""
    with open(PAGE, encoding="utf-8") as f:
        cells = [[c.strip() for c in line.strip().strip("|").split(" | ")] for line in f if re.match(r"\| [A-Z]{3}-", line)]
    return cells


def named(proof):
    return re.findall(r"`(\w+\.(?:c|py)) (\w+)`", proof)


def tests_in_python(file):
    """Names of the tests, and of the classes, of a file of this folder."""
    if not os.path.exists(os.path.join(os.path.dirname(__file__), file)):
        return set()
    module = importlib.import_module(file[:-3])
    cases = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, unittest.TestCase)]
    return {name for c in cases for name in [c.__name__] + dir(c) if name == c.__name__ or name.startswith("test_")}


def tests_in_c():
    """{file name: the tests that its main runs}"""
    out = {}
    for top in SOURCES:
        for folder, _, files in os.walk(os.path.join(TOP, top)):
            for file in (f for f in files if f.endswith("_test.c")):
                with open(os.path.join(folder, file), encoding="utf-8") as f:
                    run = re.findall(r"CMUnitTest \w+\[\] = \{(.*?)\};", f.read(), re.S)
                out[file] = set(re.findall(r"\w+\((\w+)[,)]", "".join(run)))
    return out


class MappingPage(unittest.TestCase):
    def test_every_row_has_one_line(self):
        lines = lines_of_page()
        self.assertEqual(sorted((l[0], l[1]) for l in lines), sorted(rows_of_mapping().items()))
        self.assertEqual([l[0] for l in lines if len(l) != 4 or not l[2]], [])

    def test_every_row_is_proved_or_waived(self):
        """A binding row needs a test; any other may do with a reason."""
        for id_, kind, _, proof in lines_of_page():
            reason = re.search(r"Waived: (.*)", proof)
            if reason:
                self.assertGreater(len(reason.group(1).split()), 5, id_)
            self.assertTrue(named(proof) or (reason and kind not in BINDING), id_)

    def test_named_tests_exist(self):
        in_c, missing = tests_in_c(), []
        for id_, _, _, proof in lines_of_page():
            for file, name in named(proof):
                have = in_c.get(file, set()) if file.endswith(".c") else tests_in_python(file)
                if name not in have:
                    missing.append((id_, file, name))
            self.assertEqual(len(re.findall(r"`", proof)) % 2, 0, id_)
        self.assertEqual(missing, [])

    def test_only_rooms_stand_in_their_section(self):
        with open(PAGE, encoding="utf-8") as f:
            before, rooms = f.read().split("\n## Group chat\n")
        self.assertEqual([i for i in re.findall(r"(?m)^\| ([A-Z]{3}-\w+) ", before) if ROOMS.match(i)], [])
        self.assertEqual([i for i in re.findall(r"(?m)^\| ([A-Z]{3}-\w+) ", rooms) if not ROOMS.match(i)], [])
