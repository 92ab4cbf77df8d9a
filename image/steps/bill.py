"""SPDX 2.3 on standard output, of package lines (name, version, source, source's version) on standard input."""
import datetime
import hashlib
import json
import os
import pathlib
import re
import sys


def licences(tree, package):
    """The short names of Debian's machine-readable copyright file (DEP-5), or none said."""
    path = pathlib.Path(tree, "usr/share/doc", package, "copyright")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "NOASSERTION", ""
    names = sorted({m.strip() for m in re.findall(r"^License: *(\S.*)$", text, re.M)})
    return (", ".join(names) or "see the file"), hashlib.sha256(text.encode()).hexdigest()


def main():
    tree, version = sys.argv[1:]
    packages, relations = [], []
    for line in sorted(sys.stdin):
        name, number, source, source_number = line.rstrip("\n").split("\t")
        said, checksum = licences(tree, name)
        ident = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)
        packages.append({
            "SPDXID": ident, "name": name, "versionInfo": number, "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, "sourceInfo": f"Debian 12, source {source} {source_number}",
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "licenseComments": f"Debian's copyright file says: {said}; SHA-256 {checksum}",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{name}@{number}?arch=amd64"}]})
        relations.append({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                          "relatedSpdxElement": ident})
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    identity = hashlib.sha256(json.dumps(packages).encode()).hexdigest()
    json.dump({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
               "name": f"gatehouse-{version}", "documentNamespace": f"urn:gatehouse:{version}:{identity}",
               "creationInfo": {"created": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: gatehouse-image"]},
               "packages": packages, "relationships": relations}, sys.stdout, indent=1)
    print()


main()
