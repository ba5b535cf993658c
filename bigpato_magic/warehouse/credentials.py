"""Who asks: credentials from a key file, the environment, or none for an emulator; and a name for them.

No message or `repr` here ever holds a token, a key or a refresh token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bigpato_magic.errors import CredentialsError

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)

DEMO = "without an account, `from bigpato_magic import demo, use; use(demo.start())` gives a warehouse to try it on"
_LOGIN_HINT = "run `gcloud auth application-default login`, or give a service-account key"


def read_key(path: Path) -> Mapping[str, Any]:
    """The content of a service-account (or authorized-user) key file.

    Raises:
        CredentialsError: the file is missing, cannot be read, or is not such a key.
    """
    try:
        content = json.loads(path.expanduser().read_text("utf-8"))
    except FileNotFoundError:
        raise CredentialsError(f"The key file {path} does not exist.", hint=_LOGIN_HINT) from None
    except OSError as error:
        raise CredentialsError(f"The key file {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise CredentialsError(f"The key file {path} is not JSON.", hint=_LOGIN_HINT) from None
    if not isinstance(content, dict) or content.get("type") not in ("service_account", "authorized_user"):
        raise CredentialsError(f"The key file {path} is not a service-account key.", hint=_LOGIN_HINT)
    return content


def from_key(content: Mapping[str, Any]) -> Any:
    """Credentials of a key file's content.

    Raises:
        CredentialsError: a field is missing or malformed.
    """
    from google.oauth2 import credentials as user
    from google.oauth2 import service_account

    try:
        if content["type"] == "authorized_user":
            return user.Credentials.from_authorized_user_info(dict(content), scopes=SCOPES)
        return service_account.Credentials.from_service_account_info(dict(content), scopes=SCOPES)
    except Exception:
        raise CredentialsError("The key file is malformed.", hint="download it again from the Cloud console") from None


def from_environment() -> tuple[Any, str | None]:
    """Application Default Credentials, and the project that they suggest.

    Raises:
        CredentialsError: there are none.
    """
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        credentials, project = google.auth.default(scopes=SCOPES)
    except GoogleAuthError:
        raise CredentialsError("There are no credentials for BigQuery here.", hint=f"{_LOGIN_HINT}; {DEMO}") from None
    return credentials, project


def anonymous() -> Any:
    """No credentials, for an emulator."""
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials()


def principal(credentials: Any) -> str:
    """Who these credentials are: an e-mail where they tell it, else a stable digest, `anonymous` for none.

    Raises:
        CredentialsError: a metadata server that should tell the e-mail does not.
    """
    if type(credentials).__name__ == "AnonymousCredentials":
        return "anonymous"
    email = _email(credentials)
    if email == "default":
        # Compute Engine's credentials learn their e-mail when they are first refreshed.
        email = _email(_refreshed(credentials))
    return email or f"digest:{_digest(credentials)}"


def _email(credentials: Any) -> str:
    for name in ("service_account_email", "signer_email", "account"):
        value = getattr(credentials, name, None)
        if isinstance(value, str) and value:
            return value
    return ""


def _refreshed(credentials: Any) -> Any:
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials.refresh(Request())
    except GoogleAuthError:
        raise CredentialsError("The machine's own credentials cannot be refreshed.", hint=_LOGIN_HINT) from None
    return credentials


def _digest(credentials: Any) -> str:
    """Of what stays the same as long as the login does; access tokens change every hour, so they are left out."""
    lasting = (
        "refresh_token",
        "client_id",
        "_audience",
        "_subject_token_type",
        "_credential_source",
        "_target_principal",
    )
    labels = [f"{name}={getattr(credentials, name, None)!r}" for name in lasting]
    return hashlib.sha256("\n".join([type(credentials).__name__, *labels]).encode()).hexdigest()[:24]
