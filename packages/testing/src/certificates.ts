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

/** What a certificate is to be. */
export interface CertificateOptions {
  /**
   * The host that it is for.
   * @default "localhost", with 127.0.0.1
   */
  readonly host?: string;
  /**
   * When it expires.
   * @default in a year
   */
  readonly until?: Date;
}

/** Makes an authority of its own and a server's certificate that it signed. Nobody else trusts either. */
export async function createCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const { host, until } = options;
  const authority = await generate([{ name: "commonName", value: "escapement-testing" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: "commonName", value: host ?? "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    ...(until === undefined
      ? {}
      : { notBeforeDate: new Date(until.getTime() - 86_400_000), notAfterDate: until }),
    ...(host === undefined
      ? {}
      : { extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: host }] }] }),
    ca: { key: authority.private, cert: authority.cert },
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
