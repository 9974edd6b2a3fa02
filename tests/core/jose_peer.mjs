// npm `jose` as a peer: reads one JSON object on standard input, writes one on standard output. See test_interop.py.
const { SignJWT, createLocalJWKSet, importJWK, jwtVerify } = await import(process.argv[2]);

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { jwks, privateKey, header, claims, tokens, issuer, audience } = JSON.parse(input);
const keys = createLocalJWKSet(jwks);

async function read(token) {
  try {
    const options = { issuer, audience, typ: "at+jwt", algorithms: [header.alg], clockTolerance: 5 };
    return (await jwtVerify(token, keys, options)).payload;
  } catch (refused) {
    return refused.code;
  }
}

const made = await new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(privateKey, header.alg));
process.stdout.write(JSON.stringify({ made, read: await Promise.all(tokens.map(read)) }));
