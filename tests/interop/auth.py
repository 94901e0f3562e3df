# SPDX-License-Identifier: Apache-2.0
"""PyIceberg's ways to log in, against a running server: auth.py URL ID:SECRET API_KEY.

The last line is "N passed, N failed"."""

import json
import sys
import traceback
import urllib.parse
import urllib.request
import warnings

import pyarrow as pa
from pyiceberg.catalog import load_catalog

warnings.filterwarnings("ignore")
URL, CREDENTIAL, API_KEY = sys.argv[1:4]
ID, SECRET = CREDENTIAL.split(":")
TOKENS = f"{URL}/iceberg/v1/oauth/tokens"
PASSED = FAILED = 0


def check(name, test):
    global PASSED, FAILED
    try:
        ok = test()
    except Exception:
        traceback.print_exc()
        ok = False
    PASSED += ok
    FAILED += not ok
    if not ok:
        print("FAILED", name)


def catalog(at="", **how):
    return load_catalog(f"c{len(str(how))}{at}", type="rest", uri=f"{URL}/iceberg{at}", **how)


def reads(**how):
    return catalog(**how).load_table("ns.t").scan().to_arrow().num_rows == 3


def refused(kind, words, **how):
    try:
        catalog(**how).list_namespaces()
    except Exception as e:
        return type(e).__name__ == kind and words in str(e)
    return False


def makes_a_table():
    c = catalog(credential=CREDENTIAL)
    c.create_namespace("ns")
    table = c.create_table("ns.t", schema=pa.schema([("x", pa.int64())]))
    table.append(pa.table({"x": [1, 2, 3]}))
    return len(c.list_tables("ns")) == 1


def get_token():
    form = {"grant_type": "client_credentials", "client_id": ID, "client_secret": SECRET}
    with urllib.request.urlopen(TOKENS, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        return json.loads(answer.read())["access_token"]


check("a credential", makes_a_table)
check("a credential with a scope", lambda: reads(credential=CREDENTIAL, scope="PRINCIPAL_ROLE:ALL"))
check("a credential, a branch in the address", lambda: reads(at="/main", credential=CREDENTIAL))
check("a token", lambda: reads(token=get_token()))
check("an API key as a token", lambda: reads(token=API_KEY))
check("an API key as a header", lambda: reads(**{"header.X-API-Key": API_KEY, "auth": {"type": "noop"}}))
oauth2 = {"client_id": ID, "client_secret": SECRET, "token_url": TOKENS, "scope": "PRINCIPAL_ROLE:ALL"}
check("the OAuth2 manager", lambda: reads(auth={"type": "oauth2", "oauth2": oauth2}))
basic = {"username": ID, "password": SECRET}
check("the Basic manager", lambda: reads(auth={"type": "basic", "basic": basic}))
check("a wrong secret", lambda: refused("OAuthError", "invalid_client", credential=f"{ID}:x"))
check("an unknown client", lambda: refused("OAuthError", "invalid_client", credential="x:y"))
check("a role that is not held", lambda: refused("OAuthError", "invalid_scope", credential=CREDENTIAL, scope="PRINCIPAL_ROLE:x"))
check("a token that is none", lambda: refused("UnauthorizedError", "NotAuthorizedException", token="x.y.z"))
check("nothing", lambda: refused("UnauthorizedError", "needs credentials", auth={"type": "noop"}))
print(f"{PASSED} passed, {FAILED} failed")
sys.exit(FAILED != 0)
