import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from './films.ts'

/** A certificate for 127.0.0.1 that nobody has signed but itself, and its key. */
export function selfSigned(t: { teardown(end: () => unknown): unknown }): { cert: Buffer; key: Buffer } {
  const home = folder(t)
  const [cert, key] = [join(home, 'cert.pem'), join(home, 'key.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', ...kind, ...name, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { cert: readFileSync(cert), key: readFileSync(key) }
}
