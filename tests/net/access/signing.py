"""
Keys and tokens for tests. The RSA key is written here because making one takes long; it is nobody's.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from json import dumps
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SECRET = b"0123456789abcdef" * 4

CURVE = ec.generate_private_key(ec.SECP256R1())
OTHER_CURVE = ec.generate_private_key(ec.SECP256R1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()
RSA: Any = load_pem_private_key(
    b"""-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDHUpJvkQXlpXSQ
WI4rLSQHjPYJA97qRb3M15l99VgqDQinMSx3s15xA5ZbTnoFLLsomgtNGjWmXGR6
CXCKLKBXnrpias5mL22GeCyqel4ATJj+ifNXR+LgdYEypZ8sLyduGVNk1dXny2oF
gYnVhyBSG19y5sUTa69mqAGJLreO7sMDZGjxPEL8jtM60HINf2t9KUP4ICeiBqwr
MkLPbtpuje5Hg8pGZ+vu45++gv0MtSGshTsG7m4JkV9dd7CJwXHQDeqSZNa//RtX
Zfe204ufz5eZ5TJrA9UfuJrs5BDD1BuJmpH9yGhwFfZG/DjwjWdcclAKVUrGpxLV
LlcynPblAgMBAAECggEANx5rZjS5Z77wU/ZZIjFydDAT3XxXiXtNuDaquH0/Kym9
idZ8UIGmjSQL0SYLciDjhJ/Mnj6wNVf5ZRH1MBCVKoW3Tv3wI6vb4sKav23lTrnf
2Qu24hz77UwxNRs9wA8uHTEdsZW8eEP1Bp7Cyex7EJmHNJQCTZOKxp2RBymHExwP
qKgkb4wWPRxnmxI43oPbnsgH56JFiQleHfe2cExhtZGczfXjGEAHh7cKhQKt4sXV
Yaq97KUFTnMEf2/fSuv1v7uOghMDt2MWjHPBFArW9MIMSwhxA1ULjJZee8zXzgzf
vIqF/Pc+7GBbYfh55/tqthVGlnpFPcIvabGjLFSO5QKBgQD/kH7FEmwc2449f6xf
HeKpE5yfWFJkF5+bIjPmGUZbCuJY7/KiAzmlKyf6DOsBrBiMH4vIDS1TlfTbONEX
iZPB4+ZMLcQ+S4QVg3kI0GyoaUBuPdknmtVG8NJ2M1M7L60Pcnl30yIKs14kJgSm
oGM5tuWWSRBbr//6AYirODKxBwKBgQDHqYm8rfHl8/0dLPQ+xZBiJpk4KGH0QXy0
dvbtIez4yUk07RPnaM9Tm8NpvlisCoT9+ZIuktI10hC6ojkVv2T61dwvIVM7Z0D8
rk30gsKph4qydmGO/ZS+C9cVn0JUSah750vIV/nWIsWyFkpAQCCl1c2jSNJLM6WR
qN+zuDKZswKBgQD3HzY2QlYgoX2toiN/5loivEAbJUCmYOGJFU2yFoadyqyM65ln
aE75k/2YIZ2thEhIVsjHrVZDGSIoSYyGghZKyqEK0MaOpl8WnocPKtunDf+rmkq9
rU7Gxl/8xCybcsKZyUwDvjmQt1k1Az5EEZthV6Yx6HzU7B9OFOWfCzyZSQKBgG7I
95AlxC8f7rYdl3itDqwnVqT+Yzuwio1n5SM2y9JPfbtMQNsKIN/3cbpez7zGKXzy
2dXVyaXrZTTphls208UKnR3Zk+FGLZ0G6mJdm72NY7waS4+XzMyWrUVmFNvH8yCs
+jOz/QCAUsm57IEyE+twcqXDZkwr4BauaVHDRvBZAoGAcD8N/VlodjyPL5Wxd7Wi
kRwO8hBqK2gEy/G1TcF2UcoVJIR1hsycB9IYIMhB5XEjA5hmLAgII13KCM6VHuTB
8PG624LIFJAg+0fVfSfgGkbUWo2UFl0fQsxhzqPumf/qdD+Fsg8ODib/dFe77D5S
5um1CZ5N58mWUxh9eBy2juY=
-----END PRIVATE KEY-----
""",
    None,
)


def pem(key: Any) -> bytes:
    """
    The public half, for a file.
    """
    data: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return data


def signed(key: Any, algorithm: str, claims: dict[str, Any], **header: Any) -> str:
    """
    A token.
    """
    return jwt.encode(claims, key, algorithm, header)


def handmade(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"x") -> str:
    """
    A token whose parts say what they like.
    """
    parts = (dumps(header).encode(), dumps(claims).encode(), signature)
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
