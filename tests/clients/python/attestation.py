"""Verifies a certificate with the libraries of the in-toto and securesystemslib projects.

Arguments: the certificate, the public key in PEM, the folder with the outputs. Prints what it found as
JSON, and ends with 1 when the envelope is not signed by the key.
"""

import hashlib
import json
import pathlib
import sys

import in_toto_attestation.v1.statement_pb2 as statement_pb
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def main(certificate: str, key: str, dist: str) -> int:
    envelope = Envelope.from_dict(json.loads(pathlib.Path(certificate).read_text()))
    loaded = load_pem_public_key(pathlib.Path(key).read_bytes())
    der = loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = SSlibKey.from_crypto(loaded, hashlib.sha256(der).hexdigest())
    try:
        accepted = envelope.verify([public], 1)
    except VerificationError as error:
        print(json.dumps({"refused": str(error)}))
        return 1
    parsed = json_format.Parse(envelope.payload, statement_pb.Statement())
    statement = Statement.copy_from_pb(parsed)
    statement.validate()
    outputs = {
        one.name: hashlib.sha256((pathlib.Path(dist) / one.name).read_bytes()).hexdigest()
        == one.digest["sha256"]
        for one in statement.pb.subject
    }
    predicate = json_format.MessageToDict(statement.pb.predicate)
    print(
        json.dumps(
            {
                "signers": len(accepted),
                "payload_type": envelope.payload_type,
                "predicate_type": statement.pb.predicate_type,
                "outputs": outputs,
                "artifact": predicate["artifact"],
                "status": predicate["status"],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
