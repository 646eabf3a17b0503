"""The C API in its binary form: programs that were built with an earlier libonehop.so.0 go on running with this one. What
the library exports, and the types of that, are compared with clients/c/abi.xml.

    abi_test.py LIBRARY BASELINE HEADER_FOLDER             fails if they differ; LIBRARY is that of the target onehop_c_abi
    abi_test.py LIBRARY BASELINE HEADER_FOLDER --update    writes the baseline anew

Functions may be added at any time, and so may fields at the end of a struct that begins with its size: see that the report
says that and nothing else, update the baseline, and commit it. Everything else needs another SOVERSION in
clients/c/CMakeLists.txt.
"""
import os
import subprocess
import sys
import tempfile

def describe(library, headers, path):
    """Writes what the library exports. Types that onehop.h does not define are nobody's business."""
    subprocess.run(["abidw", "--headers-dir", headers, "--drop-private-types", "--exported-interfaces-only", "--no-corpus-path",
                    "--no-comp-dir-path", "--no-show-locs", "--short-locs", "--out-file", path, library], check=True)


def main():
    library, baseline, headers = sys.argv[1:4]
    if sys.argv[4:] == ["--update"]:
        describe(library, headers, baseline)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        now = os.path.join(folder, "now.xml")
        describe(library, headers, now)
        code = subprocess.run(["abidiff", "--no-show-locs", baseline, now]).returncode
    if code == 0:
        return 0
    print("abi_test: the binary form has changed; 'abi_test.py --help' says what to do", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
        sys.exit(0)
    sys.exit(main())
