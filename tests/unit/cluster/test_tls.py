"""Certificates of a kubeconfig are used, and left in no file."""

import base64
import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from clusterdns.cluster.tls import tls_context, without_certificates


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Files of a certificate and its key."""
    certificate, key = tmp_path / "client.crt", tmp_path / "client.key"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    argv += ["-subj", "/CN=me", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    return certificate, key


def encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def test_certificates_of_files_and_of_the_kubeconfig_itself(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = pair
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    in_files = {"client-certificate": str(certificate), "client-key": str(key)}
    inside = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    for cluster, user in (
        ({"certificate-authority": str(certificate)}, in_files),
        ({"certificate-authority-data": encoded(certificate)}, inside),
    ):
        context = tls_context(cluster, user)
        assert [authority["serialNumber"] for authority in context.get_ca_certs()]
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert list(temporary.iterdir()) == []


def test_a_server_is_believed_without_proof_where_the_kubeconfig_says_so() -> None:
    context = tls_context({"insecure-skip-tls-verify": True}, {})
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate-data": "x", "client-key-data": "y"},
        {"client-certificate": "/no/such", "client-key": "/no/such"},
        {"client-certificate-data": "UEVN", "client-key-data": "UEVN"},
    ],
)
def test_what_is_no_certificate_is_refused(user: dict[str, Any]) -> None:
    with pytest.raises((ValueError, OSError)):
        tls_context({}, user)


def test_an_encrypted_key_is_refused_without_a_question(pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    argv = ["openssl", "pkcs8", "-topk8", "-in", str(key), "-passout", "pass:secret"]
    locked = subprocess.run(argv, check=True, capture_output=True).stdout
    user = {
        "client-certificate": str(certificate),
        "client-key-data": base64.b64encode(locked).decode(),
    }
    with pytest.raises(ssl.SSLError, match="PEM"):
        tls_context({}, user)


def test_the_client_gets_none_of_it() -> None:
    entry = {"server": "https://h", "certificate-authority-data": "UEVN", "client-key": "/k", "token": "t"}
    assert without_certificates(entry) == {"server": "https://h", "token": "t"}
