import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Certificate, makeCertificate } from './make-certificate.ts';

/** A certificate and its key, as PEM and in files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority and those that it has signed, and a second one that nobody trusts. */
export interface Certificates {
  readonly ca: CertificateFiles & { readonly caFile: string };
  /** For localhost and 127.0.0.1. */
  readonly server: CertificateFiles;
  readonly client: CertificateFiles;
  readonly stranger: { readonly ca: CertificateFiles; readonly client: CertificateFiles };
  /** A server's `tls` block; with `verify` it wants a client's certificate, too. */
  serverConfig(options?: {
    readonly verify?: boolean;
    readonly server?: CertificateFiles;
    readonly more?: string;
  }): string;
  /** Signs another one by the authority. */
  sign(
    name: string,
    options?: { hosts?: readonly string[]; addresses?: readonly string[]; days?: number },
  ): CertificateFiles;
}

/** Makes certificates whose files are gone when the test is over. */
export function certificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-certificates-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  const inFiles = ({ cert, key }: Certificate): CertificateFiles => {
    count += 1;
    const [certFile, keyFile] = [join(folder, `${count}.pem`), join(folder, `${count}.key`)];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    return { cert, key, certFile, keyFile };
  };

  const authority = makeCertificate({ name: 'authority' });
  const strange = makeCertificate({ name: 'strange authority' });
  const ca = inFiles(authority);
  const sign: Certificates['sign'] = (name, options = {}) =>
    inFiles(makeCertificate({ name, by: authority, ...options }));
  const ofTest = sign('server', { hosts: ['localhost'], addresses: ['127.0.0.1'] });

  return {
    ca: { ...ca, caFile: ca.certFile },
    server: ofTest,
    client: sign('client'),
    stranger: { ca: inFiles(strange), client: inFiles(makeCertificate({ name: 'client', by: strange })) },
    sign,
    serverConfig: ({ verify = false, server = ofTest, more = '' } = {}) =>
      `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}", ca_file: "${ca.certFile}", verify: ${verify}${more && `, ${more}`} }`,
  };
}
