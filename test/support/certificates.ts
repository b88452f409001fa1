import { isIP } from 'node:net'
import { generate } from 'selfsigned'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

const DAY = 86_400_000

/** A certificate for these names, good from yesterday for so many days; signed by `ca`, or by itself. */
export async function certificate(
  names: readonly string[] = ['127.0.0.1', 'localhost'],
  { days = 30, ca }: { days?: number; ca?: Certificate } = {}
): Promise<Certificate> {
  const altNames = names.map(name => (isIP(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name }))
  const notBeforeDate = new Date(Date.now() - DAY)
  const { private: key, cert } = await generate([{ name: 'commonName', value: names[0]! }], {
    algorithm: 'sha256',
    keyType: 'ec',
    notBeforeDate,
    notAfterDate: new Date(notBeforeDate.getTime() + days * DAY),
    extensions: [
      { name: 'basicConstraints', cA: ca === undefined },
      { name: 'subjectAltName', altNames }
    ],
    ...(ca && { ca })
  })
  return { key, cert }
}
