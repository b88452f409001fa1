import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { optional } from './optional.ts'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** The files of a certificate and its key, in PEM. */
export interface CertificateFiles {
  readonly key: string
  readonly cert: string
}

export const readCertificate = ({ key, cert }: CertificateFiles): Certificate => ({
  key: readFileSync(key, 'utf8'),
  cert: readFileSync(cert, 'utf8')
})

/** A self-signed certificate for these hosts and this machine, for tests. */
export async function selfSigned(hosts: readonly string[]): Promise<Certificate> {
  const selfsigned = await optional(import('selfsigned'))
  if (selfsigned === undefined)
    throw new Error('--tls without certificate files requires the package selfsigned: npm install selfsigned')
  const { generate } = selfsigned
  const names = [...new Set([...hosts, '127.0.0.1', 'localhost'])]
  const altNames = names.map(name => (isIP(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name }))
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames }]
  })
  return { key, cert }
}
