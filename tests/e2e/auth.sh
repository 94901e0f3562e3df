#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Credentials and TLS end to end: openssl makes certificates and an issuer's keys, curl and our own commands are the clients.
. "$(dirname "$0")/lib.bash"
command -v openssl >/dev/null && command -v curl >/dev/null || { skip auth "no openssl or curl"; finish; }

# A certificate for localhost that signs itself.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$2" -out "$work/$1" -days 2 -subj "/CN=$3" \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}
b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# issuer_token KEYFILE KID CLAIMS: an RS256 token.
issuer_token() {
    local head body
    head=$(printf '{"alg":"RS256","typ":"JWT","kid":"%s"}' "$2" | b64)
    body=$(printf '{"iss":"https://idp.example.org","aud":"firn","iat":%d,"exp":%d,%s}' "$(date +%s)" "$(($(date +%s) + 300))" "$3" | b64)
    printf '%s.%s.%s' "$head" "$body" "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -sign "$work/$1" -binary | b64)"
}
# issuer_keys KID: the public key as a key set.
issuer_keys() {
    local n
    n=$(openssl rsa -in "$work/idp.key" -noout -modulus | sed 's/.*=//' | python3 -c 'import sys, base64
print(base64.urlsafe_b64encode(bytes.fromhex(sys.stdin.read().strip())).decode().rstrip("="))')
    printf '{"keys":[{"kty":"RSA","kid":"%s","use":"sig","alg":"RS256","n":"%s","e":"AQAB"}]}' "$1" "$n"
}
# status CURL-ARGS...: the HTTP status.
status() { curl -s -o "$work/body" -w '%{http_code}' --cacert "$work/cert.pem" "$@"; }

# ---- Nobody listens to the network without credentials.
fails "no network without credentials" 1 "nobody would have to log in" serve --listen 0.0.0.0:0
contains "what to do about it" "$err" "firn admin bootstrap"
works "a table" sql -c "CREATE TABLE a.t AS SELECT 1 AS x"
firn admin bootstrap --json
id=$(value "d['credentials']['clientId']" <<<"$out") secret=$(value "d['credentials']['clientSecret']" <<<"$out")
check "bootstrap prints a credential" test -n "$id" -a -n "$secret"
works "ann" admin principal create ann
works "role" admin role create readers
works "ann reads" admin role give readers ann
works "readers may" admin role give catalog_admin readers --catalog

# ---- An issuer whose keys come over HTTP.
openssl genrsa -out "$work/idp.key" 2048 2>/dev/null
openssl genrsa -out "$work/other.key" 2048 2>/dev/null
mkdir "$work/idp"
issuer_keys k1 >"$work/idp/keys.json"
python3 -u -m http.server --bind 127.0.0.1 --directory "$work/idp" 0 >"$work/idp.log" 2>&1 &
idp_pid=$!
started+=("$idp_pid")
for _ in $(seq 100); do
    idp_port=$(grep -oE 'port [0-9]+' "$work/idp.log" | grep -oE '[0-9]+')
    [[ -n $idp_port ]] && break
    sleep 0.05
done
cat >"$data/firn.yaml" <<END
auth:
  oidc:
    - {issuer: "https://idp.example.org", audience: firn, jwks_url: "http://127.0.0.1:$idp_port/keys.json",
       principal_claim: preferred_username, private_addresses: true}
END

# ---- TLS.
fails "a key alone" 1 "both" serve --listen 127.0.0.1:0 --tls-key "$work/none"
fails "files that are not there" 1 "No such file" serve --listen 127.0.0.1:0 --tls-key "$work/none" --tls-cert "$work/none"
certificate cert.pem key.pem first
serve "$data" --tls-cert "$work/cert.pem" --tls-key "$work/key.pem" --log-level info || finish
contains "https" "$url" "https://"
equal "no credentials" "$(status "$url/api/tables")" 401
equal "public" "$(status "$url/health")" 200
equal "plain HTTP on the TLS port" "$(curl -s -o /dev/null -w '%{http_code}' "http${url#https}/health")" 000
curl -s -o /dev/null "$url/health"
equal "a certificate that is not trusted" $? 60
equal "TLS 1.1" "$(status --tls-max 1.1 "$url/health")" 000
equal "TLS 1.2" "$(status --tls-max 1.2 "$url/health")" 200

# ---- Tokens.
equal "a secret for a token" "$(status -u "$id:$secret" -d grant_type=client_credentials "$url/iceberg/v1/oauth/tokens")" 200
token=$(value "d['access_token']" <"$work/body")
equal "the token" "$(status -H "Authorization: Bearer $token" "$url/api/tables")" 200
equal "a changed token" "$(status -H "Authorization: Bearer ${token%?}" "$url/api/tables")" 401
equal "a wrong secret" "$(status -u "$id:x" -d grant_type=client_credentials "$url/iceberg/v1/oauth/tokens")" 401
equal "its words" "$(value "d['error']" <"$work/body")" invalid_client
equal "a secret with a request" "$(status -u "$id:$secret" "$url/api/tables")" 200
equal "in the address" "$(status -d grant_type=client_credentials "$url/iceberg/v1/oauth/tokens?client_id=$id&client_secret=$secret")" 400

# ---- Commands.
"$FIRN" table ls --server "$url" --credential "$id:$secret" >/dev/null 2>"$work/stderr"
contains "commands check certificates" "$(<"$work/stderr")" "not trusted"
equal "a command with a credential" "$(FIRN_CREDENTIAL=$id:$secret "$FIRN" table ls --server "$url" --ca-cert "$work/cert.pem" --json | value 'd[0]["name"]')" a.t
equal "a command with a token" "$(FIRN_CA_CERT=$work/cert.pem FIRN_TOKEN=$token "$FIRN" sql --server "$url" --format csv -c 'SELECT x FROM a.t' | tail -1)" 1
"$FIRN" table ls --server "$url" --ca-cert "$work/cert.pem" >/dev/null 2>"$work/stderr"
contains "a command without" "$(<"$work/stderr")" "needs credentials"
"$FIRN" table ls --server "$url" --ca-cert "$work/cert.pem" --credential "$id:no" >/dev/null 2>"$work/stderr"
contains "a command with a wrong secret" "$(<"$work/stderr")" "logging in"

# ---- The issuer's tokens; then it is away, then it has another key.
ann='"preferred_username":"ann"'
good=$(issuer_token idp.key k1 "$ann")
equal "an issuer's token" "$(status -H "Authorization: Bearer $good" "$url/api/refs")" 200
equal "signed by somebody else" "$(status -H "Authorization: Bearer $(issuer_token other.key k1 "$ann")" "$url/api/refs")" 401
equal "for nobody we know" "$(status -H "Authorization: Bearer $(issuer_token idp.key k1 '"preferred_username":"eve"')" "$url/api/refs")" 401
equal "exchanged for one of ours" "$(status -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d "subject_token=$good" \
    -d subject_token_type=urn:ietf:params:oauth:token-type:access_token "$url/iceberg/v1/oauth/tokens")" 200
stop "$idp_pid"
equal "while the issuer is away" "$(status -H "Authorization: Bearer $(issuer_token idp.key k1 "$ann")" "$url/api/refs")" 200
equal "an unknown key while it is away" "$(status -H "Authorization: Bearer $(issuer_token idp.key k2 "$ann")" "$url/api/refs")" 401

# ---- Another certificate while it runs.
certificate cert2.pem key.pem second
mv "$work/cert2.pem" "$work/cert.pem"
kill -HUP "$server_pid"
for _ in $(seq 100); do
    [[ $(status "$url/health") == 200 ]] && break
    sleep 0.05
done
equal "after SIGHUP" "$(status "$url/health")" 200
contains "it says so" "$(<"$work/serve.log")" "the certificate was read again"
echo x >"$work/key.pem"
kill -HUP "$server_pid"
sleep 0.3
equal "a broken key changes nothing" "$(status "$url/health")" 200
stop "$server_pid"
lacks "no secret in the log" "$(<"$work/serve.log")" "$secret"
lacks "no token in the log" "$(<"$work/serve.log")" "$token"
lacks "no issuer's token in the log" "$(<"$work/serve.log")" "$good"

# ---- On the network once there are credentials.
rm "$data/firn.yaml"
serve "$data" --listen 0.0.0.0:0 || finish
equal "listens everywhere" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:${url##*:}/api/tables")" 401
contains "without TLS it warns" "$(<"$work/serve.log")" "without TLS"
stop "$server_pid"
echo 'throttle: {rate: often}' >"$data/firn.yaml"
fails "a setting that is wrong" 1 "throttle.rate must be" serve --listen 127.0.0.1:0
finish
