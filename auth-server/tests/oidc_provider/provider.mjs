// A certified OpenID Connect server on a free port: node provider.mjs REDIRECT_URI...
// Whoever types a name signs in as it. What the name begins with tells what is known of the person.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const redirectUris = process.argv.slice(2);

const addressOf = (name) => {
  if (name.startsWith("mailless")) return {};
  return { email: `${name}@example.com`, email_verified: !name.startsWith("unverified") };
};

const privateJwk = (type, options) => generateKeyPairSync(type, options).privateKey.export({ format: "jwk" });

const client = (id, alg) => ({
  client_id: id,
  client_secret: "a secret of the client",
  redirect_uris: redirectUris.filter((uri) => uri.includes(`/${id}/`)),
  response_types: ["code"],
  grant_types: ["authorization_code"],
  id_token_signed_response_alg: alg,
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client("rsa", "RS256"), client("ec", "ES256")],
    jwks: {
      keys: [privateJwk("rsa", { modulusLength: 2048 }), privateJwk("ec", { namedCurve: "P-256" })],
    },
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256"] },
    cookies: { keys: ["of a test"] },
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    // By default addresses are in the user info only, as the specification has it where there is an access token.
    conformIdTokenClaims: process.env.CLAIMS_IN_ID_TOKEN !== "1",
    findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: name, ...addressOf(name) }) }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
