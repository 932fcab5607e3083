import { generate } from "selfsigned";

/** What TLS between a server and its clients takes, all as PEM texts. */
export interface Certificates {
  /** The certificate of the authority that signed the server's: what clients are told to trust. */
  readonly ca: string;
  /** The server's certificate, for `localhost` and 127.0.0.1. */
  readonly cert: string;
  /** The key that belongs to it. */
  readonly key: string;
}

/** Makes an authority of its own and a server's certificate that it signed. Nobody else trusts either. */
export async function createCertificates(): Promise<Certificates> {
  const authority = await generate([{ name: "commonName", value: "escapement-testing" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    ca: { key: authority.private, cert: authority.cert },
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
