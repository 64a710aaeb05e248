// openid-client and oauth4webapi against a running server: discovery, token, introspection, revocation.
import assert from "node:assert/strict";
import * as openid from "openid-client";
import * as oauth from "oauth4webapi";

const { AUTH_URL: url, AUTH_ACCOUNT: account, AUTH_KEY: key } = process.env;
const issuer = new URL(url);

for (const auth of [openid.ClientSecretBasic(key), openid.ClientSecretPost(key)]) {
  const config = await openid.discovery(issuer, account, undefined, auth, {
    algorithm: "oauth2",
    execute: [openid.allowInsecureRequests],
  });
  const { access_token, scope } = await openid.clientCredentialsGrant(config, { scope: "read:todos" });
  assert.equal(scope, "read:todos");
  const known = await openid.tokenIntrospection(config, access_token);
  assert.equal(known.active, true);
  assert.equal(known.client_id, account);
  await openid.tokenRevocation(config, access_token);
  assert.deepEqual(await openid.tokenIntrospection(config, access_token), { active: false });
}

const insecure = { [oauth.allowInsecureRequests]: true };
const found = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oauth2" });
const server = await oauth.processDiscoveryResponse(issuer, found);
const client = { client_id: account };
for (const auth of [oauth.ClientSecretBasic(key), oauth.ClientSecretPost(key)]) {
  const asked = await oauth.clientCredentialsGrantRequest(server, client, auth, { scope: "read:todos" }, insecure);
  const { access_token } = await oauth.processClientCredentialsResponse(server, client, asked);
  const introspect = async () => {
    const answer = await oauth.introspectionRequest(server, client, auth, access_token, insecure);
    return oauth.processIntrospectionResponse(server, client, answer);
  };
  assert.equal((await introspect()).sub, account);
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, access_token, insecure));
  assert.deepEqual(await introspect(), { active: false });
  await assert.rejects(async () => {
    const wrong = oauth.ClientSecretBasic("wrong");
    const refused = await oauth.clientCredentialsGrantRequest(server, client, wrong, {}, insecure);
    await oauth.processClientCredentialsResponse(server, client, refused);
  }, { code: "OAUTH_WWW_AUTHENTICATE_CHALLENGE", status: 401 });
}
console.log("openid-client and oauth4webapi: discovery, token, introspection, revocation");
